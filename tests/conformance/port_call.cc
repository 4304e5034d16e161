// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/port_call.h"

namespace netmsg::conformance {

namespace {

bool chooses_name(Verb verb) {
  return verb == Verb::kInsert || verb == Verb::kTrapInsert || verb == Verb::kAllocName ||
         verb == Verb::kTrapAllocName;
}

}  // namespace

PortAnswer carry_out_port_call(const Operation& operation, CaseNames& names, Backend& backend) {
  PortCall call{.verb = operation.verb,
                .caller = operation.thread.space,
                .target = operation.target,
                .right = operation.right,
                .amount = operation.amount,
                .variant = operation.variant,
                .poly_type = operation.poly.type};
  const bool chosen = chooses_name(operation.verb);
  const bool renames = operation.verb == Verb::kRename;
  call.name = chosen ? names.chosen_number(call.target, operation.name)
                     : names.number_of(call.target, operation.name);
  call.other = renames ? names.chosen_number(call.target, operation.other)
                       : names.number_of(call.target, operation.other);
  call.poly = names.number_of(call.caller, operation.poly.name);
  PortAnswer answer = backend.port_call(call);
  names.changed();
  if (chosen) answer.name = call.name;
  if (renames) answer.name = call.other;
  return answer;
}

}  // namespace netmsg::conformance
