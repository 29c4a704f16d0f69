//! Whether nginx takes `deploy/nginx.conf`.

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::{servers::nginx, child_process::reserve};

/// Around it, what a machine's own configuration would be.
const AROUND: &str = "pid nginx.pid;
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

/// The name in the file of which there is a certificate.
const NAME: &str = "member.example.com";

pub(super) fn check(sh: &Shell) -> Result<()> {
    nginx::ensure(sh)?;
    let folder = sh.create_temp_dir()?;
    let snippet = sh.read_file("deploy/nginx.conf")?;
    let _there = sh.push_dir(folder.path());
    sh.write_file("nginx.conf", AROUND)?;
    sh.write_file("menshen.conf", movable(&snippet, folder.path().to_str().context("a path")?)?)?;
    let subject = format!("/CN={NAME}");
    let request = cmd!(sh, "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj {subject}");
    request
        .args(["-keyout", &format!("{NAME}.key"), "-out", &format!("{NAME}.crt")])
        .quiet()
        .ignore_stderr()
        .run()?;
    cmd!(sh, "nginx -t -q -e stderr -p . -c nginx.conf")
        .quiet()
        .run()
        .context("deploy/nginx.conf")?;
    Ok(())
}

/// The file for anybody: with the certificate in `folder`, and any free ports.
fn movable(snippet: &str, folder: &str) -> Result<String> {
    let mut snippet = snippet.to_owned();
    // nginx looks whether it could listen.
    let [http, https] = [reserve(0, "")?.local_addr()?, reserve(0, "")?.local_addr()?];
    for (from, to) in [
        ("/etc/nginx/tls/", format!("{folder}/")),
        ("listen 80;", format!("listen {http};")),
        ("listen 443 ssl;", format!("listen {https} ssl;")),
    ] {
        ensure!(snippet.contains(from), "deploy/nginx.conf has no {from:?} any more");
        snippet = snippet.replace(from, &to);
    }
    Ok(snippet)
}
