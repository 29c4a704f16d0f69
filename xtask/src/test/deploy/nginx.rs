//! Syntax check of `deploy/nginx.conf` by nginx.

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::{child_process::reserve, servers::nginx};

/// Configuration that includes the file, as on a machine with nginx.
const MAIN_CONFIG: &str = "pid nginx.pid;
error_log stderr;
events { }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include menshen.conf;
}
";

/// Host name in the file, for which a certificate is created.
const HOST: &str = "member.example.com";

pub(super) fn check(sh: &Shell) -> Result<()> {
    nginx::ensure(sh)?;
    let folder = sh.create_temp_dir()?;
    let snippet = sh.read_file("deploy/nginx.conf")?;
    let _folder = sh.push_dir(folder.path());
    sh.write_file("nginx.conf", MAIN_CONFIG)?;
    sh.write_file(
        "menshen.conf",
        relocated(&snippet, folder.path().to_str().context("the path is not UTF-8")?)?,
    )?;
    let subject = format!("/CN={HOST}");
    let request = cmd!(sh, "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj {subject}");
    request
        .args(["-keyout", &format!("{HOST}.key"), "-out", &format!("{HOST}.crt")])
        .quiet()
        .ignore_stderr()
        .run()?;
    cmd!(sh, "nginx -t -q -e stderr -p . -c nginx.conf")
        .quiet()
        .run()
        .context("deploy/nginx.conf")?;
    Ok(())
}

/// Replaces the folder of the certificate, and the ports by free ones.
fn relocated(snippet: &str, folder: &str) -> Result<String> {
    let mut snippet = snippet.to_owned();
    // nginx also checks that it can listen on the ports.
    let [http, https] = [reserve(0, "")?.local_addr()?, reserve(0, "")?.local_addr()?];
    for (from, to) in [
        ("/etc/nginx/tls/", format!("{folder}/")),
        ("listen 80;", format!("listen {http};")),
        ("listen 443 ssl;", format!("listen {https} ssl;")),
    ] {
        ensure!(snippet.contains(from), "deploy/nginx.conf does not contain {from:?}");
        snippet = snippet.replace(from, &to);
    }
    Ok(snippet)
}
