// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/deviations.h"

namespace netmsg::conformance {

namespace {

constexpr Excuse kExcuses[] = {
    {"blocksend/two-senders", "1, deviation 1", 8},
    {"death/portdestroyed.mod_refs.s1", "1, deviation 2", 8},
    {"random/002569", "1, deviation 2", 40},
    {"random/003339", "1, deviation 2", 44},
    {"random/004641", "1, deviation 2", 32},
    {"death/dnrequests-order.4", "1, deviation 5", 13},
    {"death/dnrequests-order.8", "1, deviation 5", 21},
    {"death/dnrequest-cancel2", "1, deviation 5", 11},
    {"death/dnrequest-cancel-reuse-order", "1, deviation 5", 15},
    {"bodyfail/right.3", "2", 13},
    {"bodyfail/type.3", "2", 13},
    {"bodyfail/ool.3", "2", 13},
    {"mal/long-badhdr.data.c.cx", "2", 8},
    {"mal/long-badhdr.data.m.cx", "2", 8},
    {"mal/count.overflow.port.c", "2", 8},
    {"mal/count.overflow.port.m", "2", 8},
    {"malabi/portsize64.c", "2", 8},
    {"malabi/portsize64.m", "2", 8},
    {"malabi/trunc.longdesc.c", "2", 8},
    {"malabi/trunc.longdesc.m", "2", 8},
    {"malabi/trunc.longdesc.m.cx", "2", 8},
    {"malabi/trunc.longdesc4.c.cx", "2", 8},
    {"malabi/trunc.longdesc4.m.cx", "2", 8},
};

struct WrongSize {
  std::string_view case_name;
  std::uint32_t operation;
};

constexpr WrongSize kWrongSizes[] = {{"random/000809", 20}, {"random/001443", 39}};

}  // namespace

const Excuse* excuse_for(std::string_view case_name) {
  for (const Excuse& excuse : kExcuses) {
    if (excuse.case_name == case_name) return &excuse;
  }
  return nullptr;
}

bool told_size_is_wrong(std::string_view case_name, std::uint32_t operation) {
  for (const WrongSize& wrong : kWrongSizes) {
    if (wrong.case_name == case_name && wrong.operation == operation) return true;
  }
  return false;
}

}  // namespace netmsg::conformance
