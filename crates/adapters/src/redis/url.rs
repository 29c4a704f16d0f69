//! Redis URLs: a single server, Sentinel or Cluster.

use std::fmt;
use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{ConnectionInfo, IntoConnectionInfo};

/// Error text that lists the accepted formats.
const URL_FORMATS: &str = "must be redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], \
    redis+sentinel://[USER:PASSWORD@]HOST:PORT,HOST:PORT/MASTER or \
    redis+cluster://[USER:PASSWORD@]HOST:PORT,HOST:PORT; with rediss for TLS";

/// Maximum number of hosts in a Sentinel or Cluster URL.
const MAX_HOSTS: usize = 64;

/// Time after which the kernel closes a connection whose peer acknowledges nothing.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(5);

/// Idle time of a connection before the kernel probes its peer, and interval between probes.
const TCP_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// Addresses of Redis. `Debug` shows nothing, because the URL may contain a password.
#[derive(Clone)]
pub enum RedisUrl {
    /// Single server.
    Standalone(ConnectionInfo),
    /// Master of a replicated setup, as named by its Sentinels.
    Sentinel {
        /// Addresses of the Sentinels, without a password.
        sentinels: Vec<ConnectionInfo>,
        /// Name of the master in the configuration of the Sentinels.
        master: String,
        /// User, password and TLS setting for the master.
        server: ConnectionInfo,
    },
    /// Servers of a Redis Cluster.
    Cluster(Vec<ConnectionInfo>),
}

/// Error of parsing a Redis URL. It never quotes the URL, which may contain a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{URL_FORMATS}")]
pub struct MalformedRedisUrl;

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisUrl")
    }
}

impl RedisUrl {
    /// Parses a URL of one of the formats that the error lists.
    pub fn parse(url: &str) -> Result<Self, MalformedRedisUrl> {
        let (scheme, rest) = url.split_once("://").ok_or(MalformedRedisUrl)?;
        let (scheme, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        if scheme != "redis" && scheme != "rediss" {
            return Err(MalformedRedisUrl);
        }
        let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(user, rest)| (user, rest));
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let hosts: Vec<_> = hosts.split(',').collect();
        let server = |user: &str, host: &str, path: &str| {
            let at = if user.is_empty() { "" } else { "@" };
            let server = format!("{scheme}://{user}{at}{host}/{path}").into_connection_info();
            // The error of the parser is dropped, because it may quote the URL.
            let server = server.map(|server| server.set_tcp_settings(tcp_settings()));
            server.ok().filter(|_| !host.is_empty()).ok_or(MalformedRedisUrl)
        };
        let servers =
            |user| hosts.iter().map(|host| server(user, host, "")).collect::<Result<Vec<_>, _>>();
        match (kind, hosts.as_slice()) {
            ("", [host]) => server(user, host, path).map(Self::Standalone),
            ("cluster", [_, ..]) if path.is_empty() && hosts.len() <= MAX_HOSTS => {
                servers(user).map(Self::Cluster)
            }
            ("sentinel", [first, ..]) if !path.is_empty() && hosts.len() <= MAX_HOSTS => {
                let sentinels = servers("")?;
                let server = server(user, first, "")?;
                Ok(Self::Sentinel { sentinels, master: path.to_owned(), server })
            }
            _ => Err(MalformedRedisUrl),
        }
    }
}

/// Settings of all sockets.
pub(super) fn tcp_settings() -> TcpSettings {
    let keepalive =
        TcpKeepalive::new().with_time(TCP_KEEPALIVE_INTERVAL).with_interval(TCP_KEEPALIVE_INTERVAL);
    TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(keepalive)
        .set_user_timeout(TCP_USER_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(servers: &[ConnectionInfo]) -> Vec<String> {
        servers.iter().map(|server| server.addr().to_string()).collect()
    }

    #[test]
    fn standalone_sentinel_and_cluster_urls_are_parsed() {
        for url in
            ["redis://localhost", "rediss://:pw@10.0.0.1:6380/2", "redis://u:p%40w@[::1]:6379"]
        {
            assert!(matches!(RedisUrl::parse(url), Ok(RedisUrl::Standalone(_))), "{url}");
        }
        let url = "rediss+sentinel://u:pw@10.0.0.1:26379,10.0.0.2:26379/mymaster";
        let Ok(RedisUrl::Sentinel { sentinels, master, server }) = RedisUrl::parse(url) else {
            panic!("{url}");
        };
        assert_eq!(addresses(&sentinels), ["10.0.0.1:26379", "10.0.0.2:26379"]);
        assert_eq!((master.as_str(), server.redis_settings().username()), ("mymaster", Some("u")));
        assert_eq!(sentinels[0].redis_settings().password(), None);
        let Ok(RedisUrl::Cluster(servers)) = RedisUrl::parse("redis+cluster://:pw@a:1,b:2,c:3")
        else {
            panic!("a cluster");
        };
        assert_eq!(addresses(&servers), ["a:1", "b:2", "c:3"]);
        assert!(servers.iter().all(|server| server.redis_settings().password() == Some("pw")));
    }

    #[test]
    fn malformed_urls_are_rejected_without_quoting_them() {
        for url in [
            "",
            "localhost:6379",
            "http://canary@localhost",
            "redis://",
            "redis://:canary@a:1,b:2",
            "redis+sentinel://:canary@a:1",
            "redis+sentinel://:canary@a:1/",
            "redis+cluster://:canary@a:1/2",
            "redis+cluster://:canary@,",
            "redis+unix:///canary",
            "redis://:canary@host:port",
        ] {
            let refused = RedisUrl::parse(url).expect_err(url);
            assert!(!refused.to_string().contains("canary"), "{refused}");
        }
    }
}
