// SPDX-License-Identifier: Apache-2.0
#include "daemon/names/hosts.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "daemon/names/wire.h"

namespace netmsg::names {
namespace {

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

std::string printed(int family, const void* address) {
  char text[INET6_ADDRSTRLEN] = {};
  return ::inet_ntop(family, address, text, sizeof(text)) == nullptr ? std::string() : text;
}

// The historic form: a 32-bit address as one number (08 §5).
std::string from_hexadecimal(const std::string& digits) {
  std::uint32_t value = 0;
  const char* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, value, 16);
  if (error != std::errc() || end != last || digits.size() > 8) return {};
  const in_addr address{htonl(value)};
  return printed(AF_INET, &address);
}

std::vector<std::string> canonical(const std::vector<std::string>& hosts) {
  std::vector<std::string> all(hosts.size());
  std::transform(hosts.begin(), hosts.end(), all.begin(), canonical_host);
  return all;
}

}  // namespace

std::string canonical_host(const std::string& host) {
  std::string folded = fold(host);
  if (folded.rfind("0x", 0) == 0) return from_hexadecimal(folded.substr(2));
  in_addr v4{};
  if (::inet_pton(AF_INET, folded.c_str(), &v4) == 1) return printed(AF_INET, &v4);
  in6_addr v6{};
  if (::inet_pton(AF_INET6, folded.c_str(), &v6) != 1) return folded;
  return IN6_IS_ADDR_V4MAPPED(&v6) ? printed(AF_INET, &v6.s6_addr[12]) : printed(AF_INET6, &v6);
}

Hosts::Hosts(const std::vector<std::string>& own, const std::vector<PeerHost>& peers) : own_(canonical(own)) {
  for (const PeerHost& peer : peers)
    peers_.push_back({canonical_host(peer.name), canonical(peer.aliases), {}});
}

Hosts::Meant Hosts::find(const std::string& host) const {
  if (host == "*") return {Kind::kEverybody};
  const std::string wanted = canonical_host(host);
  if (host.empty() || contains(own_, wanted)) return {Kind::kHere};
  if (wanted.empty()) return {Kind::kUnknown};
  if (const auto named = peer(wanted)) return {Kind::kPeer, *named};
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (contains(peers_[i].aliases, wanted) || peers_[i].display_name == wanted) return {Kind::kPeer, i};
  }
  return {Kind::kUnknown};
}

Hosts::Meant Hosts::find_any(const std::vector<std::string>& addresses) const {
  for (const std::string& address : addresses) {
    const Meant meant = find(address);
    if (meant.kind == Kind::kHere || meant.kind == Kind::kPeer) return meant;
  }
  return {Kind::kUnknown};
}

std::optional<std::size_t> Hosts::peer(const std::string& configured_name) const {
  const std::string wanted = canonical_host(configured_name);
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (peers_[i].name == wanted) return i;
  }
  return std::nullopt;
}

void Hosts::set_display_name(std::size_t peer, const std::string& name) {
  peers_[peer].display_name.clear();
  if (find(name).kind == Kind::kUnknown) peers_[peer].display_name = canonical_host(name);
}

}  // namespace netmsg::names
