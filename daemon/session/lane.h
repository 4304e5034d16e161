// SPDX-License-Identifier: Apache-2.0
// One lane of a task, the daemon's end: requests in, one answer each (proto/local/frame.h, "Requests").
//
// States of the lane's mach_msg
//   state        event         next         action
//   free         MachMsg       outstanding  engine.mach_msg with the lane's token
//                Batch         outstanding  engine.mach_msg for its operations, one after the other (batch_turns.h)
//                PortCall      free         answered at once
//                Cancel        free         nothing: what it meant has ended
//   outstanding  completion    free         answered; of a batch with something left: outstanding
//                Cancel        outstanding  engine.cancel; the completion follows, and of a batch nothing else begins
//                other frames  -            violation
//
// Owner: the session. Owner thread only.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "daemon/ipc/engine.h"
#include "daemon/session/active_lanes.h"
#include "daemon/session/batch.h"
#include "daemon/session/batch_turns.h"
#include "daemon/session/channel.h"
#include "daemon/session/ring_memory.h"
#include "daemon/session/users.h"

namespace netmsg::session {

struct ListenerOptions;
struct Surroundings;

class Lane final : private Channel::Sink, private BatchTurns::Member {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // The client has given it back. Destroys the lane.
    virtual void lane_closed(Lane& lane) = 0;
    // Ends the task, and destroys the lane soon, but not from inside this call.
    virtual void lane_violation(std::string_view violation) = 0;
  };

  // `token` labels this lane's calls in the engine: unique in the space's life. `turns` outlives the lane.
  Lane(const Surroundings& surroundings, BatchTurns& turns, ipc::Space& space, ipc::OpToken token,
       Owner& owner);
  ~Lane() override { close(); }

  // `user` outlives this.
  void open(base::UniqueFd socket, User& user, LaneSlots slots, const ListenerOptions& options);
  // The same with rings.
  void open(base::UniqueFd socket, RingMemory memory, std::shared_ptr<ActiveLanes> lanes, User& user,
            LaneSlots slots, const ListenerOptions& options);
  // Stops at once; an answer that comes later is dropped.
  void close();

  ipc::OpToken token() const { return token_; }
  bool outstanding() const { return request_.has_value(); }
  void complete(ipc::MsgResult&& result);

 private:
  void on_frame(const local::FrameHeader& header, Payload payload) override;
  void on_turn_over() override;
  void on_end(std::string_view violation) override;
  bool has_read_files();
  void on_mach_msg(std::uint64_t id, Payload payload);
  void on_batch(std::uint64_t id, const Payload& payload);
  unsigned run_batch(unsigned operations_max) override;
  void answer_batch();
  void on_port_call(std::uint64_t id, std::span<const std::byte> payload);
  void on_cancel(std::uint64_t id, std::span<const std::byte> payload);

  void answer(OutgoingFrame frame, Attachments files, ipc::Charge charge);

  const Surroundings& surroundings_;
  BatchTurns& turns_;
  ipc::Space& space_;
  const ipc::OpToken token_;
  Owner& owner_;
  std::shared_ptr<Channel> channel_;
  User* user_ = nullptr;                  // from open() on
  LaneSlots slots_;                       // likewise
  std::optional<std::uint64_t> request_;  // id of the outstanding mach_msg, or batch
  std::unique_ptr<Batch> batch_;          // that one
  bool running_ = false;                  // run_batch() begins operations of it
  bool files_sent_ = false;               // with the last answer to a mach_msg
};

}  // namespace netmsg::session
