package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
)

func (s *Server) vote(c echo.Context) error {
	var in struct{ ID, Digest, Verdict, Reason, Gate string }
	if ok, err := body(c, &in, words{"reason", &in.Reason}); !ok {
		return err
	}
	in.Digest = strings.ToLower(in.Digest) // as somebody typed it from a screen
	if why := oddDigest(in.Digest); why != "" {
		return invalid(c, "nothing was decided: "+why)
	}
	cast := pointsman.CastVote{Digest: in.Digest, Verdict: pointsman.Verdict(in.Verdict), Reason: in.Reason, By: caller(c), Once: once(c)}
	if strings.Contains(in.ID, "/R") { // a run that waits at a gate
		cast.Run, cast.Mark = in.ID, in.Gate
		return s.do(c, cast)
	}
	cast.Proposal = in.ID
	if !strings.Contains(in.ID, "/") {
		p, st, err := s.first(c.Request().Context(), in.ID)
		if err != nil {
			return unavailable(c, err)
		}
		cast.Proposal = p.ID
		if why := mistakable(st, p, cast); why != "" {
			return invalid(c, why)
		}
	}
	return s.do(c, cast)
}

func invalid(c echo.Context, text string) error {
	ans := pointsman.Answer{Code: pointsman.CodeInvalid, Text: text}
	return c.JSON(Status(ans.Code), ans)
}

func (s *Server) recheck(c echo.Context) error {
	var in struct{ ID string }
	if ok, err := body(c, &in); !ok {
		return err
	}
	if !strings.Contains(in.ID, "/") {
		p, _, err := s.first(c.Request().Context(), in.ID)
		if err != nil {
			return unavailable(c, err)
		}
		in.ID = p.ID
	}
	return s.do(c, pointsman.Recheck{Proposal: in.ID, By: caller(c), Once: once(c)})
}

// first lets people name the incident: INC-7 means the proposal that its card shows first.
func (s *Server) first(ctx context.Context, incident string) (pointsman.Proposal, pointsman.State, error) {
	st, err := s.Store.State(ctx, incident)
	if err != nil {
		return pointsman.Proposal{}, st, err
	}
	if len(st.Proposals) == 0 {
		return pointsman.Proposal{}, st, pointsman.Errorf(pointsman.CodeNotFound, "%s has no proposal", incident)
	}
	return st.Shown()[0], st, nil
}

// The digits of a digest: those that a card shows, and all of them.
const digitsShown, digitsAll = 12, 64

// oddDigest says why no plan can have this digest. Nobody is told that the plan has changed, and nothing so is written into the
// record, where a digit was lost in copying.
func oddDigest(digest string) string {
	switch n := len(digest); {
	case n == 0:
		return fmt.Sprintf("the digest is missing; it is the %d digits that the card shows", digitsShown)
	case n > digitsAll:
		return fmt.Sprintf("the digest has %d characters, and no digest has more than %d", n, digitsAll)
	case strings.Trim(digest, "0123456789abcdef") != "":
		return fmt.Sprintf("%q is no digest, which has the digits 0-9 and a-f alone", digest)
	case n < digitsShown:
		return fmt.Sprintf("the digest %s has %d digits, at least %d are needed: those that the card shows", digest, n, digitsShown)
	}
	return ""
}

// mistakable says why an approval by the incident's name does not tell which proposal its voter has read: the same was asked for
// more than once in the incident, and the plans of such proposals are often byte for byte the same, so that the digest from an
// older card, kept ready in a shell, would approve evidence that nobody has looked at.
func mistakable(st pointsman.State, p pointsman.Proposal, c pointsman.CastVote) string {
	if c.Verdict != pointsman.Approve || p.State != pointsman.ProposalReady || !strings.HasPrefix(p.Digest, c.Digest) {
		return "" // it would not count, and the store says why
	}
	voted := ""
	var others []string
	for _, o := range st.Proposals {
		if o.ID == p.ID || o.Runbook != p.Runbook || o.Target != p.Target || o.Digest == "" {
			continue
		}
		others = append(others, o.ID)
		for _, v := range o.Votes {
			if v.Person.ID == c.By.Person.ID && v.Verdict == pointsman.Approve && strings.HasPrefix(v.Digest, c.Digest) {
				voted = fmt.Sprintf("; you approved %s at %s", o.ID, pointsman.Clock(v.At))
			}
		}
	}
	if len(others) == 0 {
		return ""
	}
	return fmt.Sprintf("nothing was approved: %s asks for the same as %s did%s, and the digest does not tell which of them you have read; read %s, and name it: approve %s --digest %s",
		p.ID, strings.Join(others, " and "), voted, p.ID, p.ID, pointsman.ShortDigest(p.Digest))
}
