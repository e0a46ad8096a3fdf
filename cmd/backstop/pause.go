package main

import "github.com/spf13/cobra"

func pauseCommand(p *program) *cobra.Command {
	return wordCommand(p, "pause", "Take no new risk", `Pause holds back what adds risk until resume. Stops, exits and cancels go on: what is open stays covered.`)
}

func resumeCommand(p *program) *cobra.Command {
	return wordCommand(p, "resume", "End a pause", "Resume ends a pause.")
}

// wordCommand says one word to the running service and prints how it stands then.
func wordCommand(p *program, word, short, long string) *cobra.Command {
	var asJSON bool
	var account string
	cmd := &cobra.Command{
		Use: word, Short: short, Long: long, Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			body := map[string]string{}
			if cmd.Flags().Changed("account") {
				body["account"] = account
			}
			var answer asObject[serviceStatus]
			if err := s.service().post(cmd.Context(), "/api/v1/"+word, body, &answer); err != nil {
				return err
			}
			return p.printStatus(&answer, asJSON)
		},
	}
	settingFlags(cmd, "admin")
	cmd.Flags().StringVar(&account, "account", "", "one account (default every account)")
	jsonFlag(cmd, &asJSON)
	return cmd
}
