// SPDX-License-Identifier: Apache-2.0
// Takes a byte stream of a client apart into frames (proto/local/frame.h). Pure: bytes in, frames out; what
// is wrong with a frame beyond its length is the reader's owner's business.
//
// States
//   state     event                                  next
//   header    16 bytes are there, all is well        payload
//             ... longer than allowed, or zero != 0  broken
//             ... may hold a message, and the        skipping
//             account cannot bear it
//   payload   the payload is there                   header, a frame comes out
//   skipping  the payload has passed by              header, a frame without its payload comes out
//   broken    -                                      broken
//
// Memory: a frame that has to be waited for and may hold a message is charged to `account` when its header is
// seen, until it comes out; the buffer grows with what arrives, never with what is announced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "daemon/ipc/quota.h"
#include "proto/local/frame.h"

namespace netmsg::session {

class FrameReader {
 public:
  // `length_max`: of a payload.
  FrameReader(ipc::Account& account, std::uint32_t length_max) : account_(account), length_max_(length_max) {}

  // Adds what has arrived.
  void feed(std::span<const std::byte> bytes);

  enum class Step { kFrame, kSkipped, kNeedMore, kBroken };
  // Goes on to the next frame. kFrame: header() and payload() are valid until the next call of next() or
  // feed(). kSkipped: header() is valid, the payload was too much for the account.
  Step next();

  // The rest of a payload that waits for it in a block of its own: what arrives may be put there, from the beginning of it
  // on, and told with filled() instead of feed(). Empty: there is none.
  std::span<std::byte> awaited() const;
  void filled(std::size_t bytes) { block_filled_ += bytes; }

  const local::FrameHeader& header() const { return header_; }
  std::span<const std::byte> payload() const {
    return {block_ ? block_.get() : buffer_.data() + begin_, header_.length};
  }
  const char* why_broken() const { return why_broken_; }
  // Nothing has arrived of a frame that has not been given out.
  bool between_frames() const { return state_ == State::kHeader && available() == given_out_; }

 private:
  enum class State { kHeader, kPayload, kSkipping, kBroken };

  std::size_t available() const { return buffer_.size() - begin_; }
  std::size_t payload_there() const { return block_ ? block_filled_ : available(); }
  void read_header();
  State judge_header();
  void begin_block();
  State broken(const char* why);
  Step give_out();
  Step skip();
  Step need_more();
  void pass();
  void forget_passed();

  ipc::Account& account_;
  std::uint32_t length_max_;
  State state_ = State::kHeader;
  const char* why_broken_ = "";
  std::vector<std::byte> buffer_;
  std::unique_ptr<std::byte[]> block_;  // of a payload that is paid for while it comes, until it has passed
  std::size_t block_filled_ = 0;
  std::size_t begin_ = 0;        // of what has not passed yet
  std::uint32_t given_out_ = 0;  // size of the payload at begin_ that was given out last
  std::uint32_t to_skip_ = 0;    // while skipping
  local::FrameHeader header_{};
  ipc::Charge charge_;  // while a payload is incomplete
};

}  // namespace netmsg::session
