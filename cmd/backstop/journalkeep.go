package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"backstop/engine/journal"
)

// journalKeepCommands keep a journal over the years.
func journalKeepCommands(p *program) []*cobra.Command {
	return []*cobra.Command{journalVerifyCommand(p), journalBackupCommand(p), journalPruneCommand(p), journalExportCommand(p), journalImportCommand(p)}
}

// findingsShown is how many findings people are shown; --json prints all.
const findingsShown = 100

func journalVerifyCommand(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that every row is as it was written, and that none is missing",
		Long: `Verify reads the whole journal: every row against its checksum, every step's list of the rows that it wrote, and SQLite's
own check of its file. It names each row that is changed, missing, or written by nobody. It reads beside a running service.`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.keeping(cmd, func(ctx context.Context, folder string, k journal.Keeper) error {
				n := 0
				seen, err := journal.Verify(ctx, k, func(f journal.Finding) {
					switch n++; {
					case asJSON:
						_ = p.out.json(f) // what fails here is told at the end
					case n <= findingsShown:
						p.out.line("%s", printable(findingLine(&f)))
					case n == findingsShown+1:
						p.out.line("… and more: --json prints all")
					}
				})
				if err != nil {
					return keepProblem(folder, err)
				}
				if asJSON {
					if err := p.out.json(struct {
						journal.Verified
						Found int `json:"found"`
					}{seen, n}); err != nil {
						return err
					}
				}
				if n > 0 {
					return found("the journal in %s has %s: restore a backup (docs/journal.md), or start with an empty folder: orders are found again by their tags",
						folder, plural(n, "finding"))
				}
				if !asJSON {
					p.out.line("the journal in %s is whole: %s of %s", folder, plural(int(seen.Rows), "row"), plural(int(seen.Steps), "step"))
				}
				return nil
			})
		},
	}
	settingFlags(cmd, "data", "store")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func findingLine(f *journal.Finding) string {
	var where []string
	if f.ID != "" {
		where = append(where, f.ID)
	}
	if f.Account != "" {
		where = append(where, "of account "+f.Account)
	}
	if f.Seq != 0 && strconv.FormatInt(f.Seq, 10) != f.ID {
		where = append(where, fmt.Sprintf("number %d", f.Seq))
	}
	return strings.TrimSpace(f.What+" "+string(f.Table)+" "+strings.Join(where, " ")) + ": " + f.Text
}

func journalBackupCommand(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a verified copy of the journal, beside a running service or without one",
		Long: `Backup copies the journal as it is at one moment into a new file, verifies the copy, and only then gives it its name. It
writes over nothing. To restore, stop the service and put the file as backstop.db into an empty data folder.`,
		Args: arguments(1, 1, "a file to write"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.keeping(cmd, func(ctx context.Context, folder string, k journal.Keeper) error {
				b, ok := k.(interface {
					Backup(ctx context.Context, file string) (journal.Verified, error)
				})
				if !ok {
					return misuse("journal backup: this store has no file to copy")
				}
				seen, err := b.Backup(ctx, args[0])
				switch {
				case errors.Is(err, fs.ErrExist):
					return misuse("%s is there already: name another file", args[0])
				case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
					return misuse("%s can't be written: %v", args[0], oneLine(err))
				case err != nil:
					return keepProblem(folder, err)
				}
				if asJSON {
					return p.out.json(struct {
						File string `json:"file"`
						journal.Verified
					}{args[0], seen})
				}
				p.out.line("%s: a verified copy of %s, %s of %s", args[0], folder, plural(int(seen.Rows), "row"), plural(int(seen.Steps), "step"))
				return nil
			})
		},
	}
	settingFlags(cmd, "data", "store")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func journalExportCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write every row as JSON Lines to standard output",
		Long: `Export writes a line for the form, then each row of each table with its checksum, then how many there were. Import reads
it into an empty data folder. It has every payload in clear: keep it like the data folder itself.`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.keeping(cmd, func(ctx context.Context, folder string, k journal.Keeper) error {
				err := k.ReadRows(ctx, func(read journal.Read) error { return journal.WriteLines(p.out.w, buildOf().Version, read) })
				if err != nil {
					return keepProblem(folder, err)
				}
				return nil
			})
		},
	}
	settingFlags(cmd, "data", "store")
	return cmd
}

func journalImportCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Make the journal of an empty data folder from an export (- reads standard input)",
		Long: `Import reads what journal export wrote into a data folder that has no journal yet, or one without rows. No service may
hold the folder. The journal appears once it is whole and verified.`,
		Args: arguments(1, 1, "the file of an export, or -"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			if err := s.storeKind(); err != nil {
				return err
			}
			export := p.stdin
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return misuse("%v", err)
				}
				defer func() { _ = f.Close() }() // only read
				export = f
			}
			return p.importJournal(cmd.Context(), s, args[0], export)
		},
	}
	settingFlags(cmd, "data", "store")
	return cmd
}

func (p *program) importJournal(ctx context.Context, s *settings, name string, export io.Reader) error {
	folder := s.text("data")
	seen, err := stores[s.text("store")].fill(ctx, s, export)
	switch {
	case errors.Is(err, journal.ErrNotEmpty):
		return misuse("the data folder %s has a journal already: import wants an empty one (name it with --data)", folder)
	case errors.Is(err, journal.ErrLines), errors.Is(err, journal.ErrDamaged):
		return found("%s: %v; nothing was imported", name, oneLine(err))
	case errors.Is(err, journal.ErrNewer) && !errors.Is(err, journal.ErrLocked):
		return found("%s was written by a newer Backstop: use that version", name)
	case err != nil:
		return storeProblem(folder, err)
	}
	p.out.line("%s: %s of %s are in %s", name, plural(int(seen.Rows), "row"), plural(int(seen.Steps), "step"), folder)
	return nil
}

func journalPruneCommand(p *program) *cobra.Command {
	var asJSON bool
	var keep string
	cmd := &cobra.Command{
		Use:   "prune --keep DAYS",
		Short: "Remove whole days that are older",
		Long: `Prune has the running service remove the days before the last DAYS (90d): inputs, events, orders, and the actions and
requests that are final. What waits, what is open and the account's own state stay. The place is used again; the file does
not shrink (a backup is a compact copy).`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			days, err := keepDays(keep)
			if err != nil {
				return err
			}
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			var answer asObject[struct {
				Before string         `json:"before"`
				Rows   int64          `json:"rows"`
				Pruned journal.Pruned `json:"pruned"`
			}]
			if err := s.service().post(cmd.Context(), "/api/v1/journal/prune", map[string]int{"keep_days": days}, &answer); err != nil {
				return err
			}
			if asJSON {
				return p.out.json(json.RawMessage(answer.raw))
			}
			p.out.line("days before %s: %s removed", answer.value.Before, plural(int(answer.value.Rows), "row"))
			return nil
		},
	}
	settingFlags(cmd, "admin")
	cmd.Flags().StringVar(&keep, "keep", "", "how many days stay, today among them: 90d")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// keepDays reads "90d".
func keepDays(text string) (int, error) {
	number, ok := strings.CutSuffix(text, "d")
	days, err := strconv.Atoi(number)
	if text == "" {
		return 0, misuse("journal prune wants to know how many days stay: --keep 90d")
	}
	if !ok || err != nil || days < 1 || days > 36500 {
		return 0, misuse("--keep %s: write a number of days, at least 1d: --keep 90d", text)
	}
	return days, nil
}

// keeping runs a command over the store of the settings, opened for reading.
func (p *program) keeping(cmd *cobra.Command, do func(ctx context.Context, folder string, k journal.Keeper) error) error {
	s, err := p.settings(cmd)
	if err != nil {
		return err
	}
	store, err := openReadOnly(cmd.Context(), s)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // only read
	k, ok := store.(journal.Keeper)
	if !ok {
		return misuse("%s: this store can't do that", cmd.CommandPath())
	}
	return do(cmd.Context(), s.text("data"), k)
}

// keepProblem says why a journal could not be read to its end.
func keepProblem(folder string, err error) error {
	if errors.Is(err, journal.ErrOutgrown) {
		return storeFails("journal in %s: %v: try again when fewer updates come in (or at once on a backup of the folder)", folder, oneLine(err))
	}
	return storeProblem(folder, err)
}

// oneLine is an error in one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
