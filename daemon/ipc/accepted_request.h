// SPDX-License-Identifier: Apache-2.0
// A request to hear when a forced message leaves its queue (spec 03 §6, 06 §5). The message owns it and drops
// it when a receiver has picked the message up or when the message is destroyed: dropping it sends the
// msg-accepted notification. The sender's entry for the destination knows it, so that there is only one.
//
//   Message --accepted (owns)--> AcceptedRequest <--accepted-- Entry (space, name)
//
//   state     the notification carries      left by
//   named     the entry's name              a rename (another name); the entry goes or gives the request up
//   nameless  MACH_PORT_NULL                -
#pragma once

#include "daemon/ipc/right.h"
#include "daemon/ipc/types.h"

namespace netmsg::ipc {

class Space;

class AcceptedRequest {
 public:
  // With MACH_PORT_NULL as `name` it is nameless from the beginning. REQUIRES: otherwise the name is in use in
  // the space, and no other request is attached to it.
  AcceptedRequest(Space& space, Name name, SendOnceRight notify);
  ~AcceptedRequest();
  AcceptedRequest(const AcceptedRequest&) = delete;
  AcceptedRequest& operator=(const AcceptedRequest&) = delete;

  Name name() const { return name_; }
  const SendOnceRight& notify() const { return notify_; }

  void rename(Name name) { name_ = name; }
  // The entry does not know the request any more.
  void lose_name() { name_ = kNullName; }

 private:
  Space& space_;  // not looked at while nameless: it may be gone by then
  Name name_;
  SendOnceRight notify_;
};

}  // namespace netmsg::ipc
