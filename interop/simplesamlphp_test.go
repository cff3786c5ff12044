package interop

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/casetest"
)

// simplesaml is where Debian keeps SimpleSAMLphp.
const simplesaml = "/usr/share/simplesamlphp"

// phpIdP is a running SimpleSAMLphp that is an identity provider.
type phpIdP struct {
	*testing.T
	url    string // of its pages
	dir    string // of its configuration
	client *http.Client
}

const (
	phpConfig = `<?php
$config = ['baseurlpath' => '%[1]s/', 'certdir' => '%[2]s/', 'loggingdir' => '%[2]s/', 'datadir' => '%[2]s/', 'tempdir' => '%[2]s/tmp',
  'metadatadir' => '%[2]s/metadata', 'metadata.sources' => [['type' => 'flatfile', 'directory' => '%[2]s/metadata']],
  'secretsalt' => 'of-a-test', 'auth.adminpassword' => 'not-used-by-tests', 'technicalcontact_email' => 'na@example.org', 'timezone' => 'UTC',
  'logging.handler' => 'errorlog', 'logging.level' => 3, 'enable.saml20-idp' => true, 'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
  'store.type' => 'phpsession', 'session.phpsession.savepath' => '%[2]s/tmp', 'session.cookie.secure' => false, 'session.phpsession.httponly' => true,
  'trusted.url.domains' => null, 'language.default' => 'en', 'theme.use' => 'default'];
`
	phpSources = `<?php
$config = ['example-userpass' => ['exampleauth:UserPass', 'ann:annspass' => ['uid' => ['f3b1c2'], 'email' => ['ann@acme.example'], 'groups' => ['clerks', 'staff']]]];
`
	phpHosted = `<?php
$metadata['%[1]s/metadata'] = ['host' => '__DEFAULT__', 'privatekey' => 'idp.key', 'certificate' => 'idp.crt', 'auth' => 'example-userpass',
  'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
  'authproc' => [3 => ['class' => 'saml:AttributeNameID', 'attribute' => 'uid', 'Format' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent', 'identifyingAttribute' => 'uid']],
  'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'];
`
	phpRemote = `<?php
$metadata['%[1]s'] = ['AssertionConsumerService' => '%[2]s', 'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  'assertion.encryption' => false, 'saml20.sign.response' => %[3]t, 'saml20.sign.assertion' => true, 'simplesaml.nameidattribute' => 'uid',
  'validate.authnrequest' => true, 'certData' => '%[4]s'];
`
)

// startPHP serves SimpleSAMLphp until the test ends.
func startPHP(t *testing.T) *phpIdP {
	t.Helper()
	if _, err := exec.LookPath("php"); err != nil {
		t.Skip("there is no PHP: apt-get install --no-install-recommends simplesamlphp php-cli php-xml php-mbstring")
	}
	if _, err := os.Stat(simplesaml); err != nil {
		t.Skip("there is no SimpleSAMLphp: apt-get install --no-install-recommends simplesamlphp php-cli php-xml php-mbstring")
	}
	address, dir := casetest.FreeAddress(t), t.TempDir()
	p := &phpIdP{T: t, url: "http://" + address + "/simplesaml", dir: dir}
	for _, d := range []string{"config", "metadata", "tmp", "root"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(simplesaml, "www"), filepath.Join(dir, "root", "simplesaml")); err != nil {
		t.Fatal(err)
	}
	makeSigner(t, filepath.Join(dir, "idp.key"), filepath.Join(dir, "idp.crt"))
	p.write("config/config.php", fmt.Sprintf(phpConfig, p.url, dir))
	p.write("config/authsources.php", phpSources)
	p.write("metadata/saml20-idp-hosted.php", fmt.Sprintf(phpHosted, p.url))
	p.write("metadata/saml20-sp-remote.php", "<?php\n")
	serve := exec.CommandContext(t.Context(), "php", "-d", "display_errors=0", "-d", "error_reporting=E_ERROR", "-S", address, "-t", filepath.Join(dir, "root"))
	serve.Env = append(os.Environ(), "SIMPLESAMLPHP_CONFIG_DIR="+filepath.Join(dir, "config"))
	log, err := os.Create(filepath.Join(dir, "php.log"))
	if err != nil {
		t.Fatal(err)
	}
	serve.Stdout, serve.Stderr = log, log
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = serve.Process.Kill()
		_ = serve.Wait()
		_ = log.Close()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("SimpleSAMLphp said:\n%s", text)
		}
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.client = &http.Client{Jar: jar, Timeout: 20 * time.Second}
	return p
}

func (p *phpIdP) write(name, text string) {
	p.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.Fatal(err)
	}
}

// metadata is what it says of itself, as soon as it answers.
func (p *phpIdP) metadata() string {
	p.Helper()
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		res, err := p.client.Get(p.url + "/saml2/idp/metadata.php")
		if err == nil {
			return p.body(res)
		}
		if time.Since(began) > 10*time.Second {
			p.Fatal(err)
		}
	}
}

func (p *phpIdP) body(res *http.Response) string {
	p.Helper()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		p.Fatalf("%s: %s %v\n%s", res.Request.URL, res.Status, err, b)
	}
	return string(b)
}

var field = regexp.MustCompile(`<input[^>]*type="hidden"[^>]*name="(\w+)"[^>]*value="([^"]*)"`)

// hiddenFields are those of a page's forms.
func hiddenFields(page string) url.Values {
	v := url.Values{}
	for _, m := range field.FindAllStringSubmatch(page, -1) {
		v.Set(m[1], html.UnescapeString(m[2]))
	}
	return v
}

// signIn brings the request there, signs in where it is asked for, and returns what
// the page that comes has the browser post.
func (p *phpIdP) signIn(request string) url.Values {
	p.Helper()
	res, err := p.client.Get(request)
	if err != nil {
		p.Fatal(err)
	}
	page := p.body(res)
	if !strings.Contains(page, "SAMLResponse") {
		fields := hiddenFields(page)
		fields.Set("username", "ann")
		fields.Set("password", "annspass")
		target, query, _ := strings.Cut(res.Request.URL.String(), "?")
		if fields.Get("AuthState") == "" {
			q, err := url.ParseQuery(query)
			if err != nil {
				p.Fatal(err)
			}
			fields.Set("AuthState", q.Get("AuthState"))
		}
		if res, err = p.client.PostForm(target+"?", fields); err != nil {
			p.Fatal(err)
		}
		page = p.body(res)
	}
	fields := hiddenFields(page)
	if fields.Get("SAMLResponse") == "" {
		p.Fatalf("SimpleSAMLphp answers nothing:\n%s", page)
	}
	return fields
}
