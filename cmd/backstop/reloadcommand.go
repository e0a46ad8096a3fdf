package main

import "github.com/spf13/cobra"

func reloadCommand(p *program) *cobra.Command {
	var asJSON, yes bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Take changed rules now",
		Long: `Reload has the running service read its rules file now; it does so by itself when the file changes. Rules with a mistake
change nothing. With reload: ask in the settings changed rules wait, and --yes takes them. It says what they would have
decided otherwise today. No live order moves by a reload.`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			body := map[string]bool{}
			if yes {
				body["yes"] = true
			}
			var answer asObject[serviceStatus]
			if err := s.service().post(cmd.Context(), "/api/v1/rules/reload", body, &answer); err != nil {
				return err
			}
			if asJSON {
				return p.out.json(answer.raw)
			}
			p.printRules(&answer.value)
			if said := answer.value.Rules.Compared; said != "" && answer.value.Rules.Waiting == nil {
				p.out.line("  %s", printable(said))
			}
			return nil
		},
	}
	settingFlags(cmd, "admin")
	cmd.Flags().BoolVar(&yes, "yes", false, "also where the rules wait for a yes (reload: ask)")
	jsonFlag(cmd, &asJSON)
	return cmd
}
