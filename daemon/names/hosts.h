// SPDX-License-Identifier: Apache-2.0
// Who is meant by a host_name (spec 08 §5). Knows this host's own names and the configured peers; asks
// nobody. Names without regard to case; addresses in any spelling of the same address.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace netmsg::names {

struct PeerHost {
  std::string name;                  // as configured
  std::vector<std::string> aliases;  // other names and addresses
};

class Hosts {
 public:
  // `own`: names and addresses of this host. When a name is said of this host and of a peer, it is this
  // host's; when a peer's name is an alias of another, it is that peer's whose name it is.
  Hosts(const std::vector<std::string>& own, const std::vector<PeerHost>& peers);

  enum class Kind {
    kHere,
    kEverybody,  // "*"
    kPeer,
    kUnknown,  // nobody by what is known here: the system's resolver may know addresses
  };
  struct Meant {
    Kind kind;
    std::size_t peer = 0;  // kPeer: which one of the constructor's
  };
  Meant find(const std::string& host) const;
  // As find() for the first of the addresses that says anything.
  Meant find_any(const std::vector<std::string>& addresses) const;

  std::size_t peers() const { return peers_.size(); }
  // nullopt: no such name was configured.
  std::optional<std::size_t> peer(const std::string& configured_name) const;
  // What the peer calls itself is an alias of it, until it
  // calls itself otherwise. Never takes a name from another.
  void set_display_name(std::size_t peer, const std::string& name);

 private:
  struct Known {
    std::string name;  // all canonical
    std::vector<std::string> aliases;
    std::string display_name;
  };
  std::vector<std::string> own_;
  std::vector<Known> peers_;
};

// One spelling for each name or address: names in lower case and cut as names are; numeric addresses as the
// system prints them; "0x7f000001" as 127.0.0.1. Empty for "0x" with anything but 1 to 8 hexadecimal digits.
std::string canonical_host(const std::string& host);

}  // namespace netmsg::names
