// SPDX-License-Identifier: Apache-2.0
// A client's frames in and out, whichever way they go. Two kinds: socket_channel.h and ring_channel.h. The lane, which
// has one, does not see which. Owner thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "daemon/ipc/quota.h"
#include "daemon/ipc/types.h"
#include "daemon/session/client_file.h"
#include "proto/local/frame.h"

namespace netmsg::session {

// Descriptors that came with a frame.
struct ArrivedFiles {
  std::vector<ClientFile> files;
  bool lost = false;  // there were more, but no room for them
};

// A descriptor that goes with a frame, and what keeps it open until then.
struct Attachment {
  int fd;
  std::shared_ptr<const void> owner;
};
using Attachments = std::vector<Attachment>;
// One that is closed when it has gone; none of an empty one.
Attachments attachment_of(base::UniqueFd descriptor);

// What follows the header of a frame that came.
struct Payload {
  std::span<const std::byte> bytes;
  ipc::Bytes message = {};  // of a large MachMsg: what stands behind its arguments, and not in `bytes`
  bool skipped = false;     // it was too much for the user's account, and nothing of it is here
};

// A frame to be sent: its first bytes, and the rest.
struct OutgoingFrame {
  OutgoingFrame(std::vector<std::byte> bytes, ipc::Bytes more = {})  // NOLINT(google-explicit-constructor)
      : head(std::move(bytes)), rest(std::move(more)) {}
  std::size_t size() const { return head.size() + rest.size(); }

  std::vector<std::byte> head;
  ipc::Bytes rest;
};

class Channel {
 public:
  // Who takes what comes in. Calls come from the event loop, never from inside a call of this class.
  class Sink {
   public:
    virtual ~Sink() = default;
    // A frame. May close the channel.
    virtual void on_frame(const local::FrameHeader& header, Payload payload) = 0;
    // After the frames of one turn, and when the client has read so much that it is listened to again.
    virtual void on_turn_over() = 0;
    // The connection is over; the last call. `violation` empty:
    // the client has closed it (perhaps within a frame).
    virtual void on_end(std::string_view violation) = 0;
  };

  virtual ~Channel() = default;

  // For the sink's on_frame: what came with the frame, and belongs to nobody afterwards.
  virtual ArrivedFiles take_files() = 0;
  // Has the client read all that was sent with descriptors?
  virtual bool all_read() = 0;
  // Queues a frame; `attachments`, at most kFilesMax, go with its first byte, or are left out if too many are on
  // their way already. What a closed channel is given is dropped. `charge`: somebody pays for the frame already, and
  // does as long as it is queued; others count as unread answers of the user.
  virtual void send(OutgoingFrame frame, Attachments attachments = {}, ipc::Charge charge = {}) = 0;
  // Stops at once, without on_end. Idempotent.
  virtual void close() = 0;
};

}  // namespace netmsg::session
