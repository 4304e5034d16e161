// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/host_pair.h"

namespace netmsg::bench {

namespace {

std::string endpoint(const char* address, std::uint16_t port) {
  return std::string(address) + ":" + std::to_string(port);
}

// What a daemon is told beyond its name; `dials`: "" if the other one does.
std::vector<std::string> options_of(const char* other, const std::string& listens, const std::string& dials,
                                    const std::vector<std::string>& protection) {
  std::vector<std::string> options = {"--listen", listens, "--peer",
                                      other + (dials.empty() ? "" : "=" + dials)};
  options.insert(options.end(), protection.begin(), protection.end());
  return options;
}

}  // namespace

// a dials b.
HostPair::HostPair(Between between, const Network& network, const test::Certificates& certificates) {
  const auto protection = [&](const char* name) {
    return between == Between::kTls ? certificates.options(name)
                                    : std::vector<std::string>{"--insecure-peers"};
  };
  const bool delayed = between == Between::kDelayed;
  const char* const address_b = delayed ? "127.0.0.1" : network.address(Side::kB);
  const char* const address_a = delayed ? "127.0.0.1" : network.address(Side::kA);
  std::uint16_t port = 0;
  const auto start_b = [&] {
    port = test::free_port();
    b_ = std::make_unique<test::Host>("b", 0, std::vector<test::Host::Peer>{},
                                      options_of("a", endpoint(address_b, port), "", protection("b")));
  };
  const auto start_a = [&] {
    a_ = std::make_unique<test::Host>(
        "a", 0, std::vector<test::Host::Peer>{},
        options_of("b", endpoint(address_a, test::free_port()), endpoint(address_b, port), protection("a")));
  };
  if (delayed) {
    start_b();
    delay_ = std::make_unique<Delay>(port);
    port = delay_->port();
    start_a();
  } else {
    network.at(Side::kB, start_b);
    network.at(Side::kA, start_a);
  }
  if (!a_->connected_to("b") || !b_->connected_to("a")) throw NotOffered("no session between the hosts");
}

}  // namespace netmsg::bench
