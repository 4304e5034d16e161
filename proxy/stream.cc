// SPDX-License-Identifier: Apache-2.0
#include "proxy/stream.h"

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

void Stream::enter(State state, base::Instant now) {
  state_ = state;
  since_ = now;
}

void Stream::connected(const PeerIdentity& identity, const v1::Hello& hello, base::Instant now) {
  NETMSG_CHECK(state_ == State::kDialing);
  identity_ = identity;
  nonce_ = hello.nonce();
  out_.hello(hello);
  heard_ = now;
  enter(State::kGreeting, now);
}

Check Stream::receive(const Rope& bytes, StreamUser& user, base::Instant now) {
  if (state_ == State::kOver) return std::nullopt;
  heard_ = now;
  BatchReader reader(bytes);
  for (BatchReader::Item kind = reader.next(); kind != BatchReader::Item::kEnd; kind = reader.next()) {
    if (Check fault = item(reader, kind, user, now)) {
      end(*fault);
      return fault;
    }
    if (state_ == State::kOver) break;
  }
  return std::nullopt;
}

Check Stream::item(const BatchReader& reader, BatchReader::Item kind, StreamUser& user, base::Instant now) {
  if (state_ == State::kDialing) return protocol_error("bytes before the stream is up");
  switch (kind) {
    case BatchReader::Item::kHello:
      return greet(reader.bytes(), user, now);
    case BatchReader::Item::kFrame:
      return frame(reader.bytes(), user);
    case BatchReader::Item::kApplied:
      return applied(reader.applied(), user);
    case BatchReader::Item::kFence:
      break;
    default:
      return protocol_error("malformed batch");
  }
  v1::Fence fence;
  if (!read_fence(reader.bytes(), fence)) return protocol_error("malformed fence");
  state_ = State::kOver;  // nothing of ours follows
  return Fault{fence.code(), "the peer says: " + printable(fence.text()), true};
}

Check Stream::greet(const Rope& bytes, StreamUser& user, base::Instant now) {
  if (state_ != State::kGreeting) return protocol_error("second hello");
  v1::Hello theirs;
  if (!read_hello(bytes, theirs)) return protocol_error("malformed hello");
  if (ours_ && theirs.nonce() != nonce_) return protocol_error("hello for another session");
  v1::Hello mine;
  if (Check fault = user.greeted(theirs, ours_ ? nullptr : &mine)) return fault;
  if (!ours_) {
    mine.set_nonce(theirs.nonce());
    out_.hello(mine);
  }
  greeted_ = true;
  enter(State::kGreeted, now);
  return std::nullopt;
}

Check Stream::frame(const Rope& bytes, StreamUser& user) {
  if (state_ != State::kGreeted) return protocol_error("frame before hello");
  return user.frame(bytes);
}

Check Stream::applied(FrameNumber number, StreamUser& user) {
  if (state_ == State::kGreeted) return user.applied(number);
  return number == 0 ? std::nullopt : protocol_error("acknowledgement before hello");
}

void Stream::end(const Fault& why) {
  if (state_ == State::kOver) return;
  if (state_ != State::kDialing) {
    v1::Fence fence;
    fence.set_code(why.code);
    fence.set_text(why.text);
    out_.fence(fence);
  }
  state_ = State::kOver;
}

}  // namespace netmsg::proxy
