// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/accepted_request.h"

#include "daemon/base/check.h"
#include "daemon/ipc/notify.h"
#include "daemon/ipc/space.h"

namespace netmsg::ipc {

AcceptedRequest::AcceptedRequest(Space& space, Name name, SendOnceRight notify)
    : space_(space), name_(name), notify_(std::move(notify)) {
  if (name_ == kNullName) return;
  Entry& entry = *space_.find(name_);
  NETMSG_CHECK(entry.accepted == nullptr);
  entry.accepted = this;
}

AcceptedRequest::~AcceptedRequest() {
  if (name_ != kNullName) space_.find(name_)->accepted = nullptr;
  notify::msg_accepted(std::move(notify_), name_);
}

}  // namespace netmsg::ipc
