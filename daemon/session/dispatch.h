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

// The arguments of mach_msg, or what is wrong with the frame.
std::variant<ipc::MsgArgs, Violation, NoRoom> decode_mach_msg(std::span<const std::byte> payload,
                                                              SentFiles files = {});

// What a Batch asks for.
struct BatchArgs {
  std::vector<ipc::MsgArgs> operations;
  bool stops = false;         // at the first that does not succeed
  std::uint64_t charged = 0;  // what it costs until it is answered: itself, and what it may bring
};
std::variant<BatchArgs, Violation> decode_batch(std::span<const std::byte> payload);

// The frame that answers request `id`, and the files that go with it.
std::vector<std::byte> encode_mach_msg_done(std::uint64_t id, const ipc::MsgResult& result);
// The answer alone, without a frame's header, at the end of `to`.
void append_mach_msg_done(const ipc::MsgResult& result, std::vector<std::byte>& to);
Attachments files_of(const ipc::MsgResult& result);

// Makes the call that `payload` asks for on `space`, and returns the frame that answers request `id`. `thread`
// labels the calling thread: the token of its lane.
std::variant<std::vector<std::byte>, Violation> run_port_call(ipc::Space& space, ipc::OpToken thread,
                                                              std::uint64_t id,
                                                              std::span<const std::byte> payload);

}  // namespace netmsg::session
