// SPDX-License-Identifier: Apache-2.0
// What netmsgd is told: the command line and, with --config FILE, a TOML file with
// the same keys, read into one plain struct. Whoever holds a Config may rely on every
// range said here. The table of settings in config.cc is the only list of options and
// keys; --help is made from it. Read once at the start, on the main thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/log.h"

namespace netmsg::daemon {

struct Endpoint {
  std::string host;          // a host name or numeric address, without brackets
  std::uint16_t port = 0;    // 1..65535; to listen on also 0, any free one
  std::string text() const;  // host:port, IPv6 in brackets
};

// Another daemon that this one may talk to; nobody else gets in.
struct Peer {
  std::string name;  // 1..79 letters, digits, '.', '-', '_'; its certificate must carry it as a DNS name
  std::optional<Endpoint> address;  // where to dial it; nothing: it dials us
};

struct TlsFiles {
  std::string certificate;  // PEM, this host's certificate (and chain)
  std::string key;          // PEM, its private key
  std::string authority;    // PEM, who signs the certificates of peers
};

// Messages above the limits of the protocol between daemons (peer.proto, "Limits") do not leave this host.
struct Limits {
  std::uint32_t names_per_space = 65536;           // 8..16777216
  std::uint32_t inline_bytes = 1U << 20;           // 1024..67108864; largest message, header included
  std::uint32_t memory_bytes = 1U << 30;           // 0..2147483648; out of line, of one message
  std::uint32_t rights_per_message = 16384;        // 1..1048576
  std::uint64_t bytes_per_user = 64ULL << 20;      // 65536..1099511627776; queued and buffered
  std::uint64_t file_bytes_per_user = 4ULL << 30;  // 65536..1099511627776; in memory files handed over
  std::uint32_t ports_per_user = 16384;            // 8..16777216
  std::uint32_t tasks_per_user = 4096;             // 1..1048576
  std::uint32_t watches_per_user = 1024;           // 0..1048576; descriptors for event loops
  std::uint32_t ring_lanes_per_user = 4096;        // 0..16384; each may come to 264 KiB of shared memory
  std::uint32_t windows_per_user = 256;            // 0..16384; open at a time, each up to 2.2 MiB
};

struct Config {
  std::string socket_path;         // where programs connect; 1..107 bytes
  bool system_socket = false;      // it is the system's own path: mode 0660 and group netmsg, else 0600
  std::string control_path;        // where netmsgctl connects; 1..107 bytes
  std::string state_dir;           // what survives a restart: incarnation, node id; locked
  std::string node;                // how this host is called by its programs; as Peer::name
  std::optional<Endpoint> listen;  // where peers connect; nothing: this daemon only dials
  // Names differ, also from `node`, without regard to case. Empty: networking is off.
  std::vector<Peer> peers;
  std::optional<TlsFiles> tls;
  bool insecure_peers = false;  // plaintext between daemons, asked for by name; never together with tls
  base::LogLevel log_level = base::LogLevel::kInfo;
  std::chrono::milliseconds look_up_limit{5000};  // 1..600000; how long a look-up waits for other hosts
  Limits limits;

  bool networking() const { return !peers.empty(); }
};

// What the defaults depend on, handed in.
struct Surroundings {
  std::string host_name;
  std::function<std::string(const char* variable)> environment;  // empty: not set
  std::function<bool(const std::string& directory)> can_write;   // exists and is writable, or can be made
};
Surroundings real_surroundings();

// What came of reading the settings: a Config to run with,
// or a text to print and the exit status to leave with.
struct ConfigOutcome {
  std::optional<Config> config;
  // Without a config: 0 (--help, --version; the text is for standard output), 2 (an error; standard error).
  int exit_status = 0;
  std::string text;  // an error names the option, or file and line
};
ConfigOutcome read_config(int argc, const char* const* argv, const Surroundings& surroundings);

}  // namespace netmsg::daemon
