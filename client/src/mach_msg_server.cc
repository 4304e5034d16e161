// SPDX-License-Identifier: Apache-2.0
// The loop of a server whose requests are taken apart by stubs (spec 03 §15).
#include <mach.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include "client/src/export.h"
#include "client/src/guards.h"

namespace {

using Demux = boolean_t (*)(mach_msg_header_t* request, mach_msg_header_t* reply);

constexpr mach_msg_size_t kUsualSize = 2 * 4096;

// A request and its reply. They change places: the next request comes where the reply goes out.
class Buffers {
 public:
  // Holds at least a reply without results, whatever `size` is.
  explicit Buffers(mach_msg_size_t size)
      : size_(std::max<mach_msg_size_t>(size, sizeof(mig_reply_header_t))),
        request_(new (std::nothrow) std::byte[size_]()),
        reply_(new (std::nothrow) std::byte[size_]()) {}

  explicit operator bool() const { return request_ != nullptr && reply_ != nullptr; }
  mach_msg_size_t size() const { return size_; }
  mach_msg_header_t* request() const { return reinterpret_cast<mach_msg_header_t*>(request_.get()); }
  mig_reply_header_t* reply() const { return reinterpret_cast<mig_reply_header_t*>(reply_.get()); }
  void change_places() { std::swap(request_, reply_); }

 private:
  mach_msg_size_t size_;
  std::unique_ptr<std::byte[]> request_;
  std::unique_ptr<std::byte[]> reply_;
};

// Has the request handled; tells whether there is a reply to be sent.
bool handle(Demux demux, const Buffers& buffers) {
  mig_reply_header_t* reply = buffers.reply();
  demux(buffers.request(), &reply->Head);
  if (reply->RetCode == MIG_NO_REPLY) return false;
  if (reply->RetCode != KERN_SUCCESS) {
    buffers.request()->msgh_remote_port = MACH_PORT_NULL;  // the reply goes there
    mach_msg_destroy(buffers.request());
  }
  if (reply->Head.msgh_remote_port != MACH_PORT_NULL) return true;
  if ((reply->Head.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0) mach_msg_destroy(&reply->Head);
  return false;
}

// Serves until something is wrong with a send or a receive; returns with what.
mach_msg_return_t serve(Demux demux, Buffers& buffers, mach_port_t port, mach_msg_option_t option,
                        mach_msg_timeout_t timeout) {
  mach_msg_option_t next = MACH_RCV_MSG;
  for (;;) {
    const mach_msg_size_t send_size = next == MACH_RCV_MSG ? 0 : buffers.request()->msgh_size;
    const mach_msg_return_t code =
        mach_msg(buffers.request(), option | next, send_size, buffers.size(), port, timeout, MACH_PORT_NULL);
    next = MACH_RCV_MSG;
    if (code == MACH_SEND_INVALID_DEST) {  // whoever asked is dead
      mach_msg_destroy(buffers.request());
    } else if (code != MACH_MSG_SUCCESS) {
      return code;
    } else if (handle(demux, buffers)) {
      buffers.change_places();
      next |= MACH_SEND_MSG;
    }
  }
}

}  // namespace

extern "C" {

NETMSG_EXPORT mach_msg_return_t mach_msg_server_timeout(Demux demux, mach_msg_size_t max_size,
                                                        mach_port_t rcv_name, mach_msg_option_t option,
                                                        mach_msg_timeout_t timeout) {
  const netmsg::client::ErrnoGuard errno_guard;
  if (max_size == 0) {
    max_size = kUsualSize;
    option |= MACH_RCV_LARGE;
  }
  for (;;) {
    Buffers buffers(max_size);
    if (!buffers) return KERN_RESOURCE_SHORTAGE;
    const mach_msg_return_t code = serve(demux, buffers, rcv_name, option, timeout);
    if (code != MACH_RCV_TOO_LARGE) return code;
    max_size = buffers.request()->msgh_size;
  }
}

NETMSG_EXPORT mach_msg_return_t mach_msg_server(Demux demux, mach_msg_size_t max_size, mach_port_t rcv_name) {
  return mach_msg_server_timeout(demux, max_size, rcv_name, MACH_MSG_OPTION_NONE, MACH_MSG_TIMEOUT_NONE);
}

NETMSG_ALIAS(mach_msg_server_timeout)
NETMSG_ALIAS(mach_msg_server)

}  // extern "C"
