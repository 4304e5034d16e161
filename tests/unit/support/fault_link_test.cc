// SPDX-License-Identifier: Apache-2.0
// The link between two daemons of a test does what it is told to, and nothing else.
#include "tests/support/fault_link.h"

#include <gtest/gtest.h>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <optional>
#include <string>

#include "tests/support/process.h"

namespace netmsg::test {
namespace {

using asio::ip::tcp;
using std::chrono::milliseconds;
using Way = FaultLink::Way;

class Link : public testing::Test {
 protected:
  Link() { connect(); }

  void connect() {
    dialer.emplace(io);
    dialer->connect({asio::ip::address_v4::loopback(), link.port()});
    listener.emplace(acceptor.accept());
  }
  static void say(tcp::socket& socket, const std::string& text) { asio::write(socket, asio::buffer(text)); }
  // That many bytes, waited for; fewer if the way ends before.
  static std::string hear(tcp::socket& socket, std::size_t size) {
    std::string text(size, ' ');
    asio::error_code error;
    text.resize(asio::read(socket, asio::buffer(text), error));
    return text;
  }
  // What reading gives next.
  static asio::error_code end_of(tcp::socket& socket) {
    char byte;
    asio::error_code error;
    asio::read(socket, asio::buffer(&byte, 1), error);
    return error;
  }
  bool waits(Way way, std::uint64_t bytes) {
    return eventually([&] { return link.waiting(way) == bytes; });
  }

  asio::io_context io;
  tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
  FaultLink link{acceptor.local_endpoint().port()};
  std::optional<tcp::socket> dialer;
  std::optional<tcp::socket> listener;
};

TEST_F(Link, HandsOnBothWays) {
  say(*dialer, "there");
  EXPECT_EQ(hear(*listener, 5), "there");
  say(*listener, "and back");
  EXPECT_EQ(hear(*dialer, 8), "and back");
  EXPECT_TRUE(eventually([&] { return link.passed(Way::kThere) == 5 && link.passed(Way::kBack) == 8; }));
}

TEST_F(Link, AHeldWayIsSilentTheOtherOneIsNot) {
  link.hold(Way::kThere);
  say(*dialer, "held");
  say(*listener, "not held");
  EXPECT_EQ(hear(*dialer, 8), "not held");
  EXPECT_TRUE(waits(Way::kThere, 4));
  EXPECT_EQ(listener->available(), 0U);
  link.heal();
  EXPECT_EQ(hear(*listener, 4), "held");
}

TEST_F(Link, AHeldWayTakesNoMoreThanItsRoom) {
  link.hold(Way::kThere);
  dialer->non_blocking(true);
  const std::string piece(64U << 10, 'x');
  std::size_t said = 0;
  asio::error_code full;
  while (said < (64U << 20) && full != asio::error::would_block) {
    said += dialer->write_some(asio::buffer(piece), full);
    if (full) sleep_for(milliseconds(20));  // the link may still be reading
    if (full && link.waiting(Way::kThere) < FaultLink::kRoom) full.clear();
  }
  EXPECT_EQ(full, asio::error::would_block) << "its sender feels it";
  EXPECT_LT(link.waiting(Way::kThere), FaultLink::kRoom + (32U << 10));
  link.heal();
  EXPECT_EQ(hear(*listener, said).size(), said);
}

TEST_F(Link, ADelayedWayIsLateAndInOrder) {
  link.delay(Way::kThere, milliseconds(200));
  const auto before = std::chrono::steady_clock::now();
  say(*dialer, "one");
  say(*dialer, "two");
  EXPECT_EQ(hear(*listener, 6), "onetwo");
  EXPECT_GE(std::chrono::steady_clock::now() - before, milliseconds(200));
}

TEST_F(Link, AThrottledWayIsSlow) {
  link.throttle(Way::kBack, 100000);
  const auto before = std::chrono::steady_clock::now();
  say(*listener, std::string(50000, 'x'));
  EXPECT_EQ(hear(*dialer, 50000).size(), 50000U);
  EXPECT_GE(std::chrono::steady_clock::now() - before, milliseconds(400));
}

TEST_F(Link, AHalfClosedWayEndsAfterWhatWasUnderWay) {
  say(*dialer, "last");
  EXPECT_TRUE(eventually([&] { return link.passed(Way::kThere) == 4; }));
  link.half_close(Way::kThere);
  EXPECT_EQ(hear(*listener, 4), "last");
  EXPECT_EQ(end_of(*listener), asio::error::eof);
  say(*listener, "still");
  EXPECT_EQ(hear(*dialer, 5), "still");
}

TEST_F(Link, TheEndThatADaemonSaysIsHandedOn) {
  say(*dialer, "last");
  dialer->shutdown(tcp::socket::shutdown_send);
  EXPECT_EQ(hear(*listener, 5), "last");
  listener->shutdown(tcp::socket::shutdown_send);
  EXPECT_TRUE(end_of(*dialer));
  EXPECT_TRUE(eventually([&] { return link.connections() == 0; }));
}

TEST_F(Link, AResetLosesWhatWasUnderWay) {
  link.hold(Way::kThere);
  say(*dialer, "lost");
  EXPECT_TRUE(waits(Way::kThere, 4));
  link.reset();
  EXPECT_EQ(end_of(*dialer), asio::error::connection_reset);
  EXPECT_EQ(end_of(*listener), asio::error::connection_reset);
  link.heal();
  connect();
  say(*dialer, "new");
  EXPECT_EQ(hear(*listener, 3), "new");
}

TEST_F(Link, ACutLinkTakesNobodyUntilItIsHealed) {
  link.cut();
  EXPECT_EQ(end_of(*listener), asio::error::connection_reset);
  tcp::socket next(io);
  asio::error_code refused;
  next.connect({asio::ip::address_v4::loopback(), link.port()}, refused);
  if (!refused) refused = end_of(next);
  EXPECT_EQ(refused, asio::error::connection_reset);
  link.heal();
  connect();
  say(*listener, "back");
  EXPECT_EQ(hear(*dialer, 4), "back");
}

TEST_F(Link, ATargetThatDoesNotListenIsAReset) {
  acceptor.close();
  tcp::socket next(io);
  next.connect({asio::ip::address_v4::loopback(), link.port()});
  EXPECT_EQ(end_of(next), asio::error::connection_reset);
}

}  // namespace
}  // namespace netmsg::test
