// SPDX-License-Identifier: Apache-2.0
#include "proxy/session.h"

#include <algorithm>

#include "daemon/base/check.h"

namespace netmsg::proxy {

namespace {

// A peer's words for our log: one line, printable, bounded.
std::string printable(const std::string& text) {
  std::string clean = text.substr(0, 255);
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return clean;
}

}  // namespace

void Session::enter(State state, base::Instant now) {
  state_ = state;
  since_ = now;
}

void Session::connected(const v1::Hello& hello, base::Instant now) {
  NETMSG_CHECK(state_ == State::kDialing);
  nonce_ = hello.nonce();
  out_.hello(hello);
  heard_ = now;
  enter(State::kGreeting, now);
}

Check Session::receive(std::string_view bytes, SessionUser& user, base::Instant now) {
  if (state_ == State::kOver) return std::nullopt;
  if (state_ == State::kDialing) return over({v1::Fence::PROTOCOL, "bytes before the stream is up"});
  heard_ = now;
  BatchReader reader(bytes);
  for (BatchReader::Item kind = reader.next(); kind != BatchReader::Item::kEnd; kind = reader.next()) {
    if (Check fault = item(reader, kind, user, now)) return over(*fault);
    if (state_ == State::kOver) break;  // the user has ended it
  }
  return std::nullopt;
}

Check Session::item(const BatchReader& reader, BatchReader::Item kind, SessionUser& user, base::Instant now) {
  switch (kind) {
    case BatchReader::Item::kHello:
      return greet(reader.bytes(), user, now);
    case BatchReader::Item::kFrame:
      return frame(reader.bytes(), user, now);
    case BatchReader::Item::kApplied:
      return acknowledge(reader.applied(), user);
    case BatchReader::Item::kFence:
      break;
    default:
      return protocol_error("malformed batch");
  }
  v1::Fence fence;
  if (!read_fence(reader.bytes(), fence)) return protocol_error("malformed fence");
  state_ = State::kOver;  // nothing of ours follows
  return Fault{fence.code(), "the peer says: " + printable(fence.text())};
}

Check Session::greet(std::string_view bytes, SessionUser& user, base::Instant now) {
  if (state_ != State::kGreeting) return protocol_error("second hello");
  v1::Hello theirs;
  if (!read_hello(bytes, theirs)) return protocol_error("malformed hello");
  if (ours_ && theirs.nonce() != nonce_) return protocol_error("hello for another session");
  if (Check fault = user.check_hello(theirs)) return fault;
  if (!ours_) {
    v1::Hello mine = user.make_hello();
    mine.set_nonce(theirs.nonce());
    out_.hello(mine);
  }
  enter(State::kOpen, now);
  user.opened(theirs);
  return std::nullopt;
}

Check Session::frame(std::string_view bytes, SessionUser& user, base::Instant now) {
  if (state_ != State::kOpen) return protocol_error("frame before hello");
  v1::Frame frame;
  if (!read_frame(bytes, frame)) return protocol_error("malformed frame");
  if (frame.number() != applied_ + 1) return protocol_error("frame out of order");
  if (Check fault = user.apply(frame)) return fault;
  applied_ = frame.number();
  if (!ack_due_) ack_due_ = now + timing_.ack_delay;
  return std::nullopt;
}

Check Session::acknowledge(FrameNumber number, SessionUser& user) {
  if (state_ != State::kOpen)
    return number == 0 ? std::nullopt : protocol_error("acknowledgement before hello");
  if (number < acknowledged_ || number > sent_) return protocol_error("impossible acknowledgement");
  if (number == acknowledged_) return std::nullopt;
  for (; acknowledged_ < number; ++acknowledged_) {
    in_flight_bytes_ -= in_flight_.front();
    in_flight_.pop_front();
  }
  user.acknowledged(number);
  return std::nullopt;
}

Check Session::over(Fault fault) {
  end(fault);
  return fault;
}

Check Session::tick(base::Instant now) {
  if (state_ == State::kOver) return std::nullopt;
  if (now < heard_ + timing_.lease) return std::nullopt;
  return over({v1::Fence::LEASE, "no sign of life for the lease"});
}

std::optional<base::Instant> Session::next_deadline() const {
  if (state_ == State::kOver) return std::nullopt;
  base::Instant at = heard_ + timing_.lease;
  if (state_ == State::kOpen) at = std::min(at, spoke_ + timing_.heartbeat);
  if (ack_due_) at = std::min(at, *ack_due_);
  return at;
}

FrameNumber Session::append(v1::Frame frame) {
  NETMSG_CHECK(state_ == State::kOpen);
  frame.set_number(++sent_);
  const std::size_t size = out_.frame(std::move(frame));
  in_flight_.push_back(size);
  in_flight_bytes_ += size;
  return sent_;
}

void Session::end(const Fault& why) {
  if (state_ == State::kOver) return;
  if (state_ != State::kDialing) {
    v1::Fence fence;
    fence.set_code(why.code);
    fence.set_text(why.text);
    out_.fence(fence);
  }
  state_ = State::kOver;
}

std::vector<std::string> Session::take_output(base::Instant now) {
  const bool ack = ack_due_ && now >= *ack_due_;
  const bool heartbeat = state_ == State::kOpen && now >= spoke_ + timing_.heartbeat;
  if (out_.empty() && !ack && !heartbeat) return {};
  out_.applied(applied_);
  ack_due_.reset();
  spoke_ = now;
  return out_.take();
}

}  // namespace netmsg::proxy
