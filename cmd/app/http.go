package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/time/rate"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/api"
	"github.com/pointsman/pointsman/configs"
)

// health answers the questions of load balancers, kubelets and Prometheus.
type health struct {
	ready  func(context.Context) error
	reload func(context.Context, pointsman.Actor) ([]string, error)
	people api.People
	reg    *prometheus.Registry
}

// register mounts the paths that users of Prometheus' programs know, and the ones that the kubelet is usually given.
func (h health) register(e *echo.Echo) {
	alive := func(c echo.Context) error { return c.String(http.StatusOK, "Pointsman is alive.\n") }
	asked := newReadiness(h.ready)
	ready := func(c echo.Context) error {
		if err := asked.now(c.Request().Context()); err != nil {
			return c.String(http.StatusServiceUnavailable, "Pointsman is not ready: "+err.Error()+"\n")
		}
		return c.String(http.StatusOK, "Pointsman is ready.\n")
	}
	for _, path := range []string{"/-/healthy", "/health/live"} {
		e.GET(path, alive)
		e.HEAD(path, alive)
	}
	for _, path := range []string{"/-/ready", "/health/ready"} {
		e.GET(path, ready)
		e.HEAD(path, ready)
	}
	e.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(h.reg, promhttp.HandlerOpts{})))
	pace := rate.NewLimiter(rate.Every(reloadEvery), reloadBurst)
	e.POST("/-/reload", func(c echo.Context) error {
		by, may := h.reloader(c.Request())
		switch {
		case !may:
			return c.String(http.StatusUnauthorized, "Reload from this machine, or send a personal token: Authorization: Bearer TOKEN.\n")
		case !by.Known() && !pace.Allow():
			return c.String(http.StatusTooManyRequests, fmt.Sprintf("Reloads from this machine come too often; wait %s, or come as a person: by the socket with your own uid, or with a personal token.\n", reloadEvery))
		}
		waiting, err := h.reload(c.Request().Context(), by)
		if errors.Is(err, ErrUnrecorded) {
			return c.String(http.StatusServiceUnavailable, "The configuration is reloaded: "+err.Error()+"\n")
		}
		if err != nil {
			return c.String(http.StatusUnprocessableEntity, "The old configuration stays in force:\n"+err.Error()+"\n")
		}
		if len(waiting) > 0 {
			return c.String(http.StatusOK, "The configuration is reloaded; "+restartFor(waiting)+".\n")
		}
		return c.String(http.StatusOK, "The configuration is reloaded.\n")
	})
}

// Reloads by a caller who is only known to be on this machine: ten at once and then one every ten seconds. A sidecar needs
// fewer, the socket is open to every account of the machine, and what looks local may come through a proxy beside us that
// does not say so.
const (
	reloadBurst = 10
	reloadEvery = 10 * time.Second
)

// reloader is who may reload: the port is open to Alertmanager and to Slack, and each reload is an entry of the log that is
// kept for ever and says who decided who may approve. A sidecar that watches the file asks from this machine, and is nobody.
func (h health) reloader(req *http.Request) (pointsman.Actor, bool) {
	if token, says := api.Bearer(req); says {
		p, known := h.people.ByToken(token)
		return pointsman.Actor{Person: p, Door: pointsman.DoorHTTP, Ref: "token of " + p.ID}, known
	}
	if uid, local := api.PeerUID(req.Context()); local {
		p, _ := h.people.ByUID(uid)
		return pointsman.Actor{Person: p, Door: pointsman.DoorCLI, Ref: fmt.Sprintf("uid %d", uid)}, true
	}
	for _, foreign := range []string{
		"X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Forwarded", "Via", // behind a proxy everybody is local
		"Origin", // a page in a browser of this machine, which may be anybody's
	} {
		if len(req.Header.Values(foreign)) > 0 {
			return pointsman.Actor{}, false
		}
	}
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	ip := net.ParseIP(host)
	return pointsman.Actor{Door: pointsman.DoorHTTP, Ref: "from " + host}, err == nil && ip != nil && ip.IsLoopback()
}

func newEcho(log *slog.Logger) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = echo.ExtractIPDirect() // what the record says of a caller must not be what the caller said
	e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{
		DisablePrintStack: true,
		LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
			log.Error("request panicked", "path", c.Path(), "err", err, "stack", string(stack))
			return err
		},
	}))
	// An unknown path or method is answered like everything else: with a sentence.
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		code, text := http.StatusInternalServerError, "something went wrong inside; the log has more"
		if he, ok := errors.AsType[*echo.HTTPError](err); ok {
			code, text = he.Code, fmt.Sprint(he.Message)
		} else {
			log.Error("request not answered", "path", c.Path(), "err", err)
		}
		_ = c.JSON(code, pointsman.Answer{Code: pointsman.CodeInvalid, Text: text}) // the caller is gone if this fails
	}
	return e
}

// server listens on TCP and on a Unix socket with one handler.
type server struct {
	http *http.Server
	tcp  net.Listener
	unix net.Listener
	errs chan error
}

func listen(ctx context.Context, handler http.Handler, web configs.Web) (*server, error) {
	s := &server{errs: make(chan error, 2)}
	s.http = &http.Server{
		Handler: Hurried(handler, bodyWithin), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ConnContext: api.WithPeer,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	secured, err := Certificates(web.TLSCert, web.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("web.tls_cert_file: %w", err)
	}
	if s.tcp, err = (&net.ListenConfig{}).Listen(ctx, "tcp", web.Listen); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("web.listen: %s is in use by another program; stop that one, or choose another address", web.Listen)
		}
		return nil, fmt.Errorf("web.listen: %w", err)
	}
	if secured != nil {
		s.tcp = tls.NewListener(s.tcp, secured)
	}
	if web.Socket != "" {
		if s.unix, err = listenUnix(ctx, web.Socket); err != nil {
			return nil, errors.Join(err, s.tcp.Close())
		}
	}
	return s, nil
}

// listenUnix makes the socket, in place of one that a dead server left.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", path); err == nil {
		return nil, errors.Join(fmt.Errorf("web.socket: another server answers on %s; stop that one, or choose another path", path), conn.Close())
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("web.socket: %w; let the service manager make the folder (RuntimeDirectory=pointsman), or set web.socket, for example ./pointsman.sock", err)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != os.ModeSocket {
		return nil, fmt.Errorf("web.socket: %s is there and is no socket; it is left alone, name another path", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("web.socket: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("web.socket: %w", err)
	}
	// Everybody on the machine may knock; the kernel says who it is, and only configured people are let in.
	if err := os.Chmod(path, 0o666); err != nil { //nolint:gosec // see above
		return nil, errors.Join(fmt.Errorf("web.socket: %w", err), l.Close())
	}
	return l, nil
}

func (s *server) start() {
	serve := func(l net.Listener) {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.errs <- err
		}
	}
	go serve(s.tcp)
	if s.unix != nil {
		go serve(s.unix)
	}
}

// stop lets requests at work end, at most for the given time. Then they are cut off, which loses nothing: who got no
// answer asks again.
func (s *server) stop(grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	return errors.Join(err, s.unlisten())
}

// unlisten closes what was never served, too: who is told to stop before the start has the addresses open.
func (s *server) unlisten() error {
	var errs []error
	for _, l := range []net.Listener{s.tcp, s.unix} {
		if l == nil {
			continue
		}
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
