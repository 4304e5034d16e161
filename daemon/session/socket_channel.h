// SPDX-License-Identifier: Apache-2.0
// One connection of a client: frames in and out over a stream socket, never blocking.
//
// States: open, closed. While more than kBacklogMax bytes of answers wait to be read by the client, nothing
// is read from it: whoever does not listen is not listened to.
//
// Descriptors that arrive wait for the frame that they belong to, whose reader takes them; any that are left when all
// frames have been taken break the rules.
//
// Owner: the session (as a lane, or as its main connection), together with the waits that the event loop
// holds, which look at the state when they come back. Owner thread only.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "daemon/session/channel.h"
#include "daemon/session/frame_reader.h"
#include "daemon/session/users.h"
#include "daemon/session/waiting.h"
#include "proto/local/frame.h"

namespace netmsg::session {

class SocketChannel final : public Channel, public std::enable_shared_from_this<SocketChannel> {
 public:
  static constexpr std::size_t kBacklogMax = 256U << 10;
  static constexpr std::size_t kReadSize = 64U << 10;
  static constexpr std::size_t kBlockReadSize = 256U << 10;  // of the rest of a long frame
  static constexpr int kFramesPerTurn = 64;                  // then others get their turn

  // `sink`, `user` and `users` must live until close().
  SocketChannel(asio::io_context& io, base::UniqueFd socket, User& user, Users& users,
                std::uint32_t length_max, Sink& sink);
  ~SocketChannel() override;

  // Begins to read.
  void start();
  // Sends a frame that only wakes its reader, unless there is no room at once: then there is enough to wake him.
  void ring(const local::FrameHeader& bell);
  // Is the client listened to?
  bool may_read() const { return backlog_ <= kBacklogMax; }

  ArrivedFiles take_files() override { return std::exchange(files_, {}); }
  // Of everything that was sent.
  bool all_read() override;
  void send(OutgoingFrame frame, Attachments attachments = {}, ipc::Charge charge = {}) override;
  void close() override;

 private:
  struct Unsent {
    OutgoingFrame bytes;
    std::size_t sent = 0;
    Attachments attachments;
    ipc::Charge charge = {};
    std::size_t unpaid = 0;  // counted against the user when it was queued
    std::size_t left = 0;    // in backlog_, likewise
  };
  enum class Sent { kAll, kPart, kFailed };
  struct Waiting {
    std::size_t bytes;
    bool files;
  };

  void wait_readable();
  void wait_writable();
  void read_turn();
  bool receive();
  Waiting look();
  bool pause();
  bool take_arrived(msghdr& message);
  void take_frames();
  void go_on_later();
  void flush();
  Sent send_some(Unsent& frame);
  void queue(Unsent frame);
  void pop_unsent();
  void end_later(const char* violation);
  void end(std::string_view violation);
  void close_socket();

  WaitingDescriptor socket_;
  User& user_;
  Users& users_;
  Sink* sink_;  // null: closed
  FrameReader reader_;
  [[no_unique_address]] ArrivedFiles files_;  // what follows stands in the bytes that it does not need
  bool reading_ = false;                      // a turn of reading is due
  std::list<Unsent> unsent_;
  std::size_t backlog_ = 0;  // bytes unsent when they were queued
};

}  // namespace netmsg::session
