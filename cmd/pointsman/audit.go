package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pointsman/pointsman/cmd/app"
	"github.com/pointsman/pointsman/store/audit"
)

func auditCommand() *cobra.Command {
	root := group("audit", "Export the record and verify exports")
	root.AddCommand(auditExportCommand(), auditVerifyCommand(), auditKeyCommand())
	return root
}

func auditExportCommand() *cobra.Command {
	var incident, out string
	var anchors []string
	cmd := &cobra.Command{
		Use:   "export --incident INC-1",
		Short: "Write the record of one incident, or of everything, with its proofs",
		Long: "Writes a folder with the timeline (timeline.md for people, rows.jsonl for programs), the signed checkpoint and\n" +
			"the proofs; with an --output that ends in .zip, one file. The export itself becomes part of the record.",
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if out == "" {
				out = "pointsman-audit"
				if incident != "" {
					out = incident + "-audit"
				}
			}
			if err := free(out); err != nil {
				return err
			}
			which := url.Values{"incident": {incident}}
			if which["anchor"], err = anchorSizes(anchors); err != nil {
				return err
			}
			resp, err := c.send(cmd.Context(), http.MethodGet, "/api/v1/audit/export?"+which.Encode(), nil)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				return fmt.Errorf("the export broke off, nothing was written: %w", err)
			}
			if err := save(out, body); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s\nVerify it with: pointsman audit verify %s\n", out, out)
			return nil
		},
	}
	cmd.Flags().StringVar(&incident, "incident", "", "the incident; empty for the whole log")
	cmd.Flags().StringVarP(&out, "output", "o", "", "folder to make, or file.zip (default INC-1-audit)")
	cmd.Flags().StringArrayVar(&anchors, "anchor", nil, "file with a checkpoint that was kept elsewhere; the export proves that the log continues it")
	return cmd
}

// auditKeyCommand prints what somebody else must hold before there is a dispute: an export carries its own key, and proves
// nothing about whoever made both.
func auditKeyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Print the public key with which the record is signed, to be kept elsewhere",
		Long:  "Reads audit.key_file of the configuration, so it is run where the server runs, as the server's user.",
		Args:  takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			if _, err := os.Stat(cfg.Audit.KeyFile); errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("audit.key_file: there is no %s yet; the server makes it at its first start", cfg.Audit.KeyFile)
			}
			key, err := app.LoadKey(cfg.Audit.KeyFile)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), key.Public)
			return nil
		},
	}
	configFlags(cmd)
	return cmd
}

// anchorSizes are the sizes of the checkpoints in these files.
func anchorSizes(files []string) (sizes []string, err error) {
	for _, file := range files {
		note, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--anchor: %w", err)
		}
		c, err := audit.ReadCheckpoint(note)
		if err != nil {
			return nil, fmt.Errorf("--anchor %s: %w", file, err)
		}
		sizes = append(sizes, strconv.FormatUint(c.Size, 10))
	}
	return sizes, nil
}

// free reports whether an export can be written there: reading the record is itself on record, so it is asked first.
func free(out string) error {
	if _, err := os.Lstat(out); err == nil {
		return fmt.Errorf("%s exists already, and an export is never overwritten; name another place with --output", out)
	}
	if info, err := os.Stat(filepath.Dir(out)); err != nil || !info.IsDir() {
		return fmt.Errorf("there is no folder %s; make it, or name another place with --output", filepath.Dir(out))
	}
	return nil
}

// save writes the zip, or unpacks it into a folder that does not exist yet: an older export is never overwritten.
func save(out string, body []byte) error {
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return fmt.Errorf("the export is no whole zip file, nothing was written: %w", err)
	}
	if strings.HasSuffix(out, ".zip") {
		f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = f.Write(body)
		return errors.Join(err, f.Close())
	}
	if err := os.Mkdir(out, 0o700); err != nil {
		return err
	}
	return os.CopyFS(out, archive)
}

func auditVerifyCommand() *cobra.Command {
	var keys, anchors []string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Say whether an export is intact, or which entry was touched",
		Long: "Reads an export (zip, folder or bare JSON Lines) and needs no server, network, database or configuration.\n" +
			"Exit code: 0 intact, 1 touched, 2 cannot be told.",
		Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			trust, err := trusted(keys, anchors)
			var report audit.Report
			if err == nil {
				report, err = audit.VerifyPath(args[0], trust)
			}
			if err != nil {
				fmt.Fprintln(cmd.OutOrStdout(), "cannot tell:", err)
				return exitError{2}
			}
			if err := report.Write(cmd.OutOrStdout()); err != nil {
				return err
			}
			if code := report.ExitCode(); code != 0 {
				return exitError{code}
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&keys, "key", nil, "public key that you trust, or a file with it; may be given again")
	cmd.Flags().StringArrayVar(&anchors, "anchor", nil, "file with a checkpoint that was kept elsewhere; may be given again")
	return cmd
}

// trusted reads what the person who verifies brings along.
func trusted(keys, anchors []string) (audit.Trust, error) {
	var trust audit.Trust
	for _, k := range keys {
		text, err := fileOrText(k)
		if err != nil {
			return trust, fmt.Errorf("--key: %w", err)
		}
		trust.Keys = append(trust.Keys, strings.TrimSpace(text))
	}
	for _, a := range anchors {
		b, err := os.ReadFile(a)
		if err != nil {
			return trust, fmt.Errorf("--anchor: %w", err)
		}
		trust.Anchors = append(trust.Anchors, b)
	}
	return trust, nil
}

// fileOrText reads the file of that name if there is one: a key, name+hash+base64, never looks like a path that exists.
func fileOrText(s string) (string, error) {
	b, err := os.ReadFile(s)
	if errors.Is(err, os.ErrNotExist) {
		if !strings.Contains(s, "+") {
			return "", fmt.Errorf("%s is neither a file nor a public key (name+hash+base64)", s)
		}
		return s, nil
	}
	return string(b), err
}
