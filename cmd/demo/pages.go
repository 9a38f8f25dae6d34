package demo

import (
	"context"
	"errors"
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

// page keeps what a person sees at this moment as one file: the card, alone or with its thread.
func (s *show) page(name string, thread bool) error {
	if s.Pages == "" {
		return nil
	}
	return write(filepath.Join(s.Pages, name+".html"), func(w io.Writer) error {
		return s.stage.slack.WriteMessage(w, channel, s.card.TS, thread)
	})
}

func write(file string, page func(io.Writer) error) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(page(f), f.Close())
}
