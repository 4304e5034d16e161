// SPDX-License-Identifier: Apache-2.0
// Random messages of programs and of peers, well-formed, nearly so and not at all, with real rights in them.
// Whatever comes, rights balance; and when all who sent them are gone and time has passed, nothing of it is
// left in the server. The seed is printed; NETMSG_TEST_SEED repeats a run, NETMSG_TEST_SCALE stretches it.
#include <algorithm>
#include <random>

#include "tests/support/scale.h"
#include "tests/support/seed.h"
#include "tests/unit/names/world.h"

namespace netmsg::names {
namespace {

constexpr int kSteps = 200000;
constexpr int kStepsBetweenChecks = 50;

class RandomMessages : public World {
 protected:
  static constexpr std::size_t kPrograms = 4;
  static constexpr mach_msg_type_name_t kPortTypes[] = {16, 17, 18, 19, 20, 21};

  RandomMessages() {
    for (std::size_t i = 0; i < kPrograms; ++i) programs_.push_back(program());
    for (Host& each : hosts_) each = host();
  }

  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(noise_() % bound); }
  bool once_in(std::uint32_t times) { return below(times) == 0; }

  // Some name of the program: of a port it holds, or of nothing.
  ipc::Name some_name(Client& client) {
    if (once_in(8)) return client.receive_right();
    if (once_in(10)) return once_in(2) ? ipc::kNullName : ipc::kDeadName;
    return below(40);
  }
  std::string some_text() {
    static const char* const kTexts[] = {"",  "a",    "A",        "b",          "c",
                                         "*", "here", "10.0.0.3", "0x0a000004", "NameServer"};
    return once_in(20) ? std::string(80, 'x') : kTexts[below(std::size(kTexts))];
  }
  Item some_port(Client& client, mach_msg_type_name_t usual) {
    return port_item(once_in(6) ? kPortTypes[below(6)] : usual, some_name(client));
  }
  Item some_item(Client& client) {
    switch (below(5)) {
      case 0:
        return string_item(some_text());
      case 3:
        return array_item(kPortTypes[below(6)], {some_name(client), some_name(client)});
      case 1:
        return some_port(client, MACH_MSG_TYPE_MAKE_SEND);
      case 2:
        return code_item(static_cast<kern_return_t>(below(1100)));
      default:
        return {(std::uint64_t{noise_()} << 32 | noise_()) & 0xffffffffULL, ipc::Bytes(8 * below(4))};
    }
  }
  std::vector<Item> some_request(Client& client, mach_msg_id_t id) {
    std::vector<Item> items{string_item(some_text())};
    if (id == kLookUpId) items.push_back(string_item(some_text()));
    if (id == kCheckInId || id == kCheckOutId) items.push_back(some_port(client, MACH_MSG_TYPE_COPY_SEND));
    if (id == kCheckInId) items.push_back(some_port(client, MACH_MSG_TYPE_MAKE_SEND));
    if (id == kVersionId) items.clear();
    if (once_in(5)) items.push_back(some_item(client));
    if (!items.empty() && once_in(5))
      items[below(static_cast<std::uint32_t>(items.size()))] = some_item(client);
    return items;
  }

  void send_request(Client& client) {
    const mach_msg_id_t id =
        once_in(10) ? static_cast<mach_msg_id_t>(below(1200)) : 1040 + static_cast<int>(below(4));
    const mach_msg_type_name_t reply_type = once_in(4) ? kPortTypes[below(6)] : MACH_MSG_TYPE_MAKE_SEND_ONCE;
    const ipc::Name reply = some_name(client);
    mach_msg_bits_t bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, reply == 0 ? 0 : reply_type);
    const bool carries_rights = id == kCheckInId || id == kCheckOutId;
    if (carries_rights != once_in(10)) bits |= MACH_MSGH_BITS_COMPLEX;
    std::vector<Item> items = id >= kCheckInId && id <= kVersionId ? some_request(client, id)
                                                                   : std::vector<Item>{some_item(client)};
    client.send(message(bits, client.server(), reply, id, items), memory_of(items));
  }

  void drain(Client& client) {
    for (ipc::Name name = 1; name < 60; ++name) client.poll(name);
  }

  void act_as_peer(Host& host) {
    // A message of its own may have taken the port away.
    if ((host.program->type(host.port) & MACH_PORT_TYPE_RECEIVE) == 0) host = this->host();
    static const char* const kPeers[] = {"b", "c", "d"};
    const std::string peer = kPeers[below(3)];
    if (once_in(30)) return server_->peer_unreachable(peer);
    if (once_in(30)) return server_->peer_down(peer);
    if (once_in(5)) return connect(peer, host);
    const auto asked = host.program->poll(host.port);
    if (!asked) return;
    const ReplyTo to = reply_to(*asked);
    if (to.type == 0 || once_in(10)) return;  // keeps the question
    const mach_msg_bits_t stray = once_in(8) ? MACH_MSGH_BITS(0, MACH_MSG_TYPE_MAKE_SEND) : 0;
    std::vector<Item> items{code_item(once_in(3) ? NETNAME_NOT_CHECKED_IN : 0)};
    if (!once_in(3)) items.push_back(some_port(*host.program, MACH_MSG_TYPE_MAKE_SEND));
    if (once_in(10)) items.push_back(some_item(*host.program));
    host.program->send(message(to.type | stray | MACH_MSGH_BITS_COMPLEX, to.name, stray != 0 ? host.port : 0,
                               once_in(8) ? 71 : 1141, items),
                       memory_of(items));
  }

  void step() {
    if (once_in(200)) programs_[below(kPrograms)] = program();  // the old one dies
    if (once_in(400)) hosts_[below(3)] = host();
    if (once_in(10)) pass(std::chrono::milliseconds(below(2000)));
    if (once_in(20)) drain(*programs_[below(kPrograms)]);
    if (!resolver_.asked.empty()) resolver_.answer({"192.0.2.1", "10.0.0.2"});
    once_in(3) ? act_as_peer(hosts_[below(3)]) : send_request(*programs_[below(kPrograms)]);
  }

  void expect_nothing_left() {
    programs_.clear();
    for (Host& each : hosts_) each.program.reset();
    for (const char* peer : {"b", "c", "d"}) server_->peer_down(peer);
    while (!resolver_.asked.empty()) resolver_.answer({});
    pass(kLimit);
    // What was checked in without a signature is gone with its port. The only port that lasts is the server's
    // own, which a program may have checked in under one more name.
    const std::vector<Registry::Row> rows = server_->rows();
    EXPECT_GE(rows.size(), 4U);
    for (const Registry::Row& row : rows) EXPECT_EQ(row.port, rows.front().port) << row.name;
    EXPECT_TRUE(
        std::any_of(rows.begin(), rows.end(), [](const auto& row) { return row.name == "NameServer"; }));
    expect_clean();
  }

  std::mt19937 noise_{test::test_seed()};
  std::vector<std::unique_ptr<Client>> programs_;
  Host hosts_[3];
};

TEST_F(RandomMessages, LeaveNothingBehind) {
  const int steps = std::max(5000, test::scaled(kSteps));
  for (int i = 0; i < steps && !HasFailure(); ++i) {
    step();
    if (i % kStepsBetweenChecks == 0) expect_sound();
  }
  expect_nothing_left();
}

}  // namespace
}  // namespace netmsg::names
