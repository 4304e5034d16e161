// SPDX-License-Identifier: Apache-2.0
// From a client's frame to the engine and back: the one place where the payload of a lane's frames is judged.
// What comes out of here holds for the engine; what is refused here ends the client. Stateless.
#pragma once

#include <cstddef>
#include <span>
#include <variant>
#include <vector>

#include "daemon/ipc/engine.h"
#include "daemon/session/channel.h"
#include "daemon/session/users.h"
#include "proto/local/frame.h"

namespace netmsg::session {

// Why a frame is refused: text for the log.
struct Violation {
  const char* what;
};

// Files that came with a message, and who pays for them: `user` may have `bytes_max` in files, and outlives the
// memory. Without files there need not be a user.
struct SentFiles {
  ArrivedFiles arrived = {};
  User* user = nullptr;
  std::uint64_t bytes_max = 0;
};

// The files of a message have found no room (spec 09 §5): nothing of it was taken.
struct NoRoom {};

// A MachMsg of that length begins so: is the rest of it the bytes of a message, and many?
bool is_large_message(std::span<const std::byte> arguments, std::uint32_t length);
// The arguments of mach_msg, or what is wrong with the frame. `message`: its bytes, unless they are in the payload.
std::variant<ipc::MsgArgs, Violation, NoRoom> decode_mach_msg(std::span<const std::byte> payload,
                                                              SentFiles files = {}, ipc::Bytes message = {});

// What a Batch asks for: its operations as they came, with which nothing is wrong.
class BatchArgs {
 public:
  bool empty() const { return at_ == bytes_.size(); }
  // Of all that came, in bytes.
  std::size_t size() const { return bytes_.size(); }
  // The next one. REQUIRES: not empty.
  ipc::MsgArgs next();

  bool stops = false;         // at the first that does not succeed
  std::uint64_t charged = 0;  // what it costs until it is answered: itself, and what it may bring

 private:
  friend std::variant<BatchArgs, Violation> decode_batch(std::span<const std::byte> payload);
  std::vector<std::byte> bytes_;
  std::size_t at_ = 0;  // the next one
};
std::variant<BatchArgs, Violation> decode_batch(std::span<const std::byte> payload);

// The frame that answers request `id`, and the files that go with it.
OutgoingFrame encode_mach_msg_done(std::uint64_t id, ipc::MsgResult result);
// The answer alone, without a frame's header, at the end of `to`.
void append_mach_msg_done(const ipc::MsgResult& result, std::vector<std::byte>& to);
Attachments files_of(const ipc::MsgResult& result);

// Makes the call that `payload` asks for on `space`, and returns the frame that answers request `id`. `thread`
// labels the calling thread: the token of its lane.
std::variant<std::vector<std::byte>, Violation> run_port_call(ipc::Space& space, ipc::OpToken thread,
                                                              std::uint64_t id,
                                                              std::span<const std::byte> payload);

}  // namespace netmsg::session
