// SPDX-License-Identifier: Apache-2.0
// A lane's frames over a ring pair, and over the socket beside it (proto/local/ring.h): what does not fit or has
// descriptors, the bells, and the end.
//
//   state    event                                         next     action
//   open     a frame in the ring, from the socket          open     the sink's on_frame
//            a Bell                                        open     the ring is looked at (active_lanes.h)
//            a frame too large for a ring                  open     the windows are opened (windows.h)
//            the client has closed its end                 closed   what is in the ring is taken, then on_end
//            positions that cannot be, half a frame        closed   on_end, with words
//            close()                                       closed
//
// Owner: the lane; calls that are under way keep it. Owner thread only.
#pragma once

#include <memory>

#include "daemon/session/active_lanes.h"
#include "daemon/session/channel.h"
#include "daemon/session/ring_memory.h"
#include "daemon/session/socket_channel.h"
#include "proto/local/ring_ends.h"

namespace netmsg::session {

class RingChannel final : public Channel,
                          public std::enable_shared_from_this<RingChannel>,
                          private Channel::Sink,
                          private ActiveLanes::Member,
                          private Windows::Member {
 public:
  // `sink`, `user` and `users` must live until close().
  RingChannel(asio::io_context& io, base::UniqueFd socket, RingMemory memory,
              std::shared_ptr<ActiveLanes> lanes, User& user, Users& users, std::uint32_t length_max,
              Channel::Sink& sink);
  ~RingChannel() override { close(); }

  // Begins to listen.
  void start();
  // Of a frame from the socket; others have none.
  ArrivedFiles take_files() override { return by_ring_ ? ArrivedFiles() : socket_->take_files(); }
  bool all_read() override { return socket_->all_read(); }
  void send(OutgoingFrame frame, Attachments attachments = {}, ipc::Charge charge = {}) override;
  void close() override;

 private:
  // The socket's.
  void on_frame(const local::FrameHeader& header, Payload payload) override;
  void on_turn_over() override;
  void on_end(std::string_view violation) override;
  // The ring's.
  bool look() override;
  bool park() override;
  void ring() override;
  // The window's.
  bool close_window() override;
  std::shared_ptr<const RingMemory> memory() const override { return memory_; }

  void listen();
  void wake_at_word();
  bool is_bell(const local::FrameHeader& header) const;
  bool put(const OutgoingFrame& frame);
  bool begin(const OutgoingFrame& frame);
  void open_windows_for(std::size_t frame_size);
  bool take_frame();
  bool go_to_window(local::FrameHeader& header);
  Payload take_payload(const local::FrameHeader& header);
  void take_all_there_is();
  const char* complaint_about(const local::FrameHeader& header) const;
  void hand_over(const local::FrameHeader& header, Payload payload, bool by_ring);
  void end(std::string_view violation);

  const std::shared_ptr<const RingMemory> memory_;
  local::RingReader reader_;
  local::RingWriter writer_;
  const std::shared_ptr<ActiveLanes> lanes_;
  User& user_;
  Users& users_;
  const std::uint32_t length_max_;
  Channel::Sink* sink_;  // null: closed
  const std::shared_ptr<SocketChannel> socket_;
  bool by_ring_ = false;     // so came the last request
  bool answer_due_ = false;  // to that one
};

}  // namespace netmsg::session
