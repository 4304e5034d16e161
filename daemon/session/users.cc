// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/users.h"

namespace netmsg::session {

User& Users::find(uid_t uid) {
  std::unique_ptr<User>& user = users_[uid];
  if (user == nullptr) user = std::make_unique<User>(uid, limits_);
  return *user;
}

}  // namespace netmsg::session
