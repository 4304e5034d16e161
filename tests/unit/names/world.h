// SPDX-License-Identifier: Apache-2.0
// A host with a name service, and programs, in one engine. Other hosts are programs too: one that serves the
// questions by script, or another name service.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/names/name_server.h"
#include "tests/unit/names/client.h"

namespace netmsg::names {

class ScriptedResolver final : public Resolver {
 public:
  using Done = std::function<void(std::vector<std::string>)>;
  void resolve(const std::string& host, Done done) override { asked.emplace_back(host, std::move(done)); }
  void answer(std::vector<std::string> addresses) {
    auto first = std::move(asked.front());
    asked.erase(asked.begin());
    first.second(std::move(addresses));
  }
  std::vector<std::pair<std::string, Done>> asked;
};

// After each test: rights balance, and the name service holds as many names as before.
class World : public testing::Test {
 protected:
  static constexpr std::chrono::milliseconds kLimit{5000};

  // Peers b, c and d; each may be given a script or left alone.
  explicit World(std::vector<PeerHost> peers = {{"b", {"10.0.0.2"}},
                                                {"c", {"10.0.0.3"}},
                                                {"d", {"10.0.0.4"}}})
      : engine_(clock_, ipc::Limits{}),
        server_(std::make_unique<NameServer>(
            engine_, account_,
            Options{"netmsgd test", {"Here", "here.example", "10.0.0.1"}, std::move(peers), kLimit},
            &resolver_)),
        names_at_start_(server_names()) {}

  ~World() override {
    server_.reset();
    engine_.check_invariants();
    EXPECT_EQ(engine_.audit(), std::vector<std::string>{});
  }

  std::unique_ptr<Client> program() {
    auto client = std::make_unique<Client>(engine_, account_);
    client->use_server(server_->local_port());
    return client;
  }
  // A program that plays the name service of a peer; its port is what it receives questions on.
  struct Host {
    std::unique_ptr<Client> program;
    ipc::Name port;
  };
  Host host() {
    auto client = std::make_unique<Client>(engine_, account_);
    const ipc::Name port = client->receive_right();
    return {std::move(client), port};
  }
  void connect(const std::string& peer, Host& host, const std::string& display = "") {
    server_->peer_up(peer, display.empty() ? peer : display, host.program->send_right(host.port));
  }
  // The question that has reached the host, checked; its reply right.
  ReplyTo question(Host& host, const std::string& name) {
    const auto asked = host.program->poll(host.port);
    if (!asked) {
      ADD_FAILURE() << "no question has come";
      return {};
    }
    EXPECT_EQ(asked->size(), kLookUpSize);
    const auto look_up = decode_look_up(*asked);
    EXPECT_EQ(look_up->host, "");
    EXPECT_EQ(look_up->name, name);
    const ReplyTo to = reply_to(*asked);
    EXPECT_EQ(to.type, static_cast<unsigned>(MACH_MSG_TYPE_PORT_SEND_ONCE));
    return to;
  }
  void answer_no(Host& host, const std::string& name, kern_return_t code = NETNAME_NOT_CHECKED_IN) {
    EXPECT_EQ(host.program->send(code_reply(question(host, name), code)), MACH_MSG_SUCCESS);
  }
  void answer_port(Host& host, const std::string& name, ipc::Name port) {
    const ReplyTo to = question(host, name);
    EXPECT_EQ(host.program->send(look_up_reply(to, port, MACH_MSG_TYPE_MAKE_SEND)), MACH_MSG_SUCCESS);
  }

  void pass(std::chrono::milliseconds time) {
    clock_.advance(time);
    engine_.advance();
  }
  std::uint32_t server_names() const {
    for (const ipc::SpaceRow& row : engine_.spaces()) {
      if (row.label == "name service") return row.names;
    }
    return 0;
  }
  void expect_sound() {
    engine_.check_invariants();
    EXPECT_EQ(engine_.audit(), std::vector<std::string>{});
  }
  // Nothing is left of what clients and peers have sent.
  void expect_clean() {
    expect_sound();
    EXPECT_EQ(server_->pending(), 0U);
    EXPECT_EQ(server_names(), names_at_start_);
  }

  base::ManualClock clock_;
  ipc::Account account_{ipc::Account::Limits{}};
  ipc::Engine engine_;
  ScriptedResolver resolver_;
  std::unique_ptr<NameServer> server_;
  std::uint32_t names_at_start_;
};

}  // namespace netmsg::names
