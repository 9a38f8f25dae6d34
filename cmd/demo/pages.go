package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// click presses a button of the newest card that has it, as a person would on the page.
func (st *stage) click(ctx context.Context, user, button string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	card, err := st.slack.Channel(channel).WaitMessage(ctx, button)
	if err != nil {
		return fmt.Errorf("wait for a card with %s: %w", button, err)
	}
	reply, err := card.Click(ctx, user, button)
	if err != nil {
		return fmt.Errorf("click %s: %w", button, err)
	}
	if reply.Status != http.StatusOK {
		return fmt.Errorf("click %s: pointsman answered %d", button, reply.Status)
	}
	return nil
}

// pages keeps what a person sees at this moment: the card alone and the whole channel, each as one HTML file.
func (s *show) pages(ctx context.Context, name string) error {
	if s.Pages == "" {
		return nil
	}
	card, err := s.stage.slack.Channel(channel).WaitMessage(ctx, "INC-1")
	if err != nil {
		return err
	}
	for file, path := range map[string]string{
		name + ".html":         "message/" + channel + "/" + card.TS,
		name + "-channel.html": "?channel=" + channel + "&thread=" + card.TS,
	} {
		if err := fetch(ctx, s.stage.slackURL+path, filepath.Join(s.Pages, file)); err != nil {
			return err
		}
	}
	return nil
}

func fetch(ctx context.Context, url, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return os.WriteFile(file, page, 0o600)
}
