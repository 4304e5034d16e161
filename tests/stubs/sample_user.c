/* SPDX-License-Identifier: Apache-2.0 */
/* The user's side of sample.defs. */
#include "tests/stubs/sample.h"
#include "tests/stubs/sample_messages.h"

/* A request without items, answered by a code. */
static kern_return_t bare_call(mach_port_t server, mach_msg_id_t id) {
  union {
    BareRequest In;
    BareReply Out;
  } Mess;
  const struct call call = {.server = server, .id = id, .size = sizeof Mess.In, .room = sizeof Mess.Out};
  const kern_return_t code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  return code_of(&Mess.Out.Head, has_form(&Mess.Out.Head, sizeof Mess.Out, 0));
}

kern_return_t sample_nothing(mach_port_t server) {
  return bare_call(server, kNothing);
}

kern_return_t sample_quit(mach_port_t server) {
  return bare_call(server, kQuit);
}

kern_return_t sample_numbers(mach_port_t server, int a, int* b, int64_t* c) {
  union {
    NumbersRequest In;
    NumbersReply Out;
  } Mess;
  const struct call call = {
      .server = server, .id = kNumbers, .size = sizeof Mess.In, .room = sizeof Mess.Out};
  kern_return_t code;
  Mess.In.aType = kInt;
  Mess.In.a = a;
  Mess.In.bType = kInt;
  Mess.In.b = *b;
  code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  code = code_of(&Mess.Out.Head, has_form(&Mess.Out.Head, sizeof Mess.Out, 0));
  if (code != KERN_SUCCESS) return code;
  if (!same_item(&Mess.Out.bType, &kInt)) return MIG_TYPE_ERROR;
  *b = Mess.Out.b;
  if (!same_item(&Mess.Out.cType, &kInt64)) return MIG_TYPE_ERROR;
  *c = Mess.Out.c;
  return KERN_SUCCESS;
}

kern_return_t sample_label(mach_port_t server, const_label_t label, label_t answer) {
  union {
    LabelRequest In;
    LabelReply Out;
  } Mess;
  const struct call call = {.server = server, .id = kLabel, .size = sizeof Mess.In, .room = sizeof Mess.Out};
  kern_return_t code;
  Mess.In.labelType = kLabelItem;
  (void)mig_strncpy(Mess.In.label, label, sizeof Mess.In.label);
  code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  code = code_of(&Mess.Out.Head, has_form(&Mess.Out.Head, sizeof Mess.Out, 0));
  if (code != KERN_SUCCESS) return code;
  if (!same_item(&Mess.Out.answerType, &kLabelItem)) return MIG_TYPE_ERROR;
  (void)mig_strncpy(answer, Mess.Out.answer, sizeof Mess.Out.answer);
  return KERN_SUCCESS;
}

/* What mig_strncpy says is the number of bytes; generators after 2022 add one where there is room, in case it was the
 * number without the terminator. */
static mach_msg_size_t put_text(TextRequest* InP, const_text_t text) {
  InP->textType = kTextItem;
  InP->textType.msgt_number = (mach_msg_type_number_t)mig_strncpy(InP->text, text, sizeof InP->text);
  if (InP->textType.msgt_number < sizeof InP->text) InP->textType.msgt_number += 1;
  return 40 + padded(InP->textType.msgt_number);
}

kern_return_t sample_text(mach_port_t server, const_text_t text, text_t answer) {
  union {
    TextRequest In;
    TextReply Out;
  } Mess;
  const struct call call = {
      .server = server, .id = kText, .size = put_text(&Mess.In, text), .room = sizeof Mess.Out};
  kern_return_t code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  code = code_of(&Mess.Out.Head, !is_complex(&Mess.Out.Head) && Mess.Out.Head.msgh_size >= 56);
  if (code != KERN_SUCCESS) return code;
  if (!same_kind(&Mess.Out.answerType, &kTextItem)) return MIG_TYPE_ERROR;
  if (Mess.Out.Head.msgh_size != 56 + padded(Mess.Out.answerType.msgt_number)) return MIG_TYPE_ERROR;
  (void)mig_strncpy(answer, Mess.Out.answer, sizeof Mess.Out.answer);
  return KERN_SUCCESS;
}

kern_return_t sample_row(mach_port_t server, const row_t row, row_t back) {
  union {
    RowRequest In;
    RowReply Out;
  } Mess;
  const struct call call = {.server = server, .id = kRow, .size = sizeof Mess.In, .room = sizeof Mess.Out};
  kern_return_t code;
  Mess.In.rowType = kRowItem;
  memcpy(Mess.In.row, row, sizeof Mess.In.row);
  code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  code = code_of(&Mess.Out.Head, has_form(&Mess.Out.Head, sizeof Mess.Out, 0));
  if (code != KERN_SUCCESS) return code;
  if (!same_item(&Mess.Out.backType, &kRowItem)) return MIG_TYPE_ERROR;
  memcpy(back, Mess.Out.back, sizeof Mess.Out.back);
  return KERN_SUCCESS;
}

/* Takes as many as there is room for, and says how many there are. */
static kern_return_t take_list(const ListReply* OutP, list_t back, mach_msg_type_number_t* backCnt) {
  const mach_msg_type_number_t count = OutP->backType.msgt_number;
  const mach_msg_type_number_t room = *backCnt;
  memcpy(back, OutP->back, sizeof *back * (count < room ? count : room));
  *backCnt = count;
  return count > room ? MIG_ARRAY_TOO_LARGE : KERN_SUCCESS;
}

kern_return_t sample_list(mach_port_t server, const_list_t list, mach_msg_type_number_t listCnt, list_t back,
                          mach_msg_type_number_t* backCnt) {
  union {
    ListRequest In;
    ListReply Out;
  } Mess;
  const struct call call = {
      .server = server, .id = kList, .size = 40 + padded(4 * listCnt), .room = sizeof Mess.Out};
  kern_return_t code;
  Mess.In.listType = kListItem;
  if (listCnt > kListMax) return MIG_ARRAY_TOO_LARGE;
  if (listCnt) memcpy(Mess.In.list, list, sizeof *list * listCnt);
  Mess.In.listType.msgt_number = listCnt;
  code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  code = code_of(&Mess.Out.Head, !is_complex(&Mess.Out.Head) && Mess.Out.Head.msgh_size >= 56);
  if (code != KERN_SUCCESS) return code;
  if (!same_kind(&Mess.Out.backType, &kListItem)) return MIG_TYPE_ERROR;
  if (Mess.Out.Head.msgh_size != 56 + padded(4 * Mess.Out.backType.msgt_number)) return MIG_TYPE_ERROR;
  return take_list(&Mess.Out, back, backCnt);
}

kern_return_t sample_point(mach_port_t server, point_t* point) {
  union {
    PointRequest In;
    PointReply Out;
  } Mess;
  const struct call call = {.server = server, .id = kPoint, .size = sizeof Mess.In, .room = sizeof Mess.Out};
  kern_return_t code;
  Mess.In.pointType = kPointItem;
  Mess.In.point = *point;
  code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  code = code_of(&Mess.Out.Head, has_form(&Mess.Out.Head, sizeof Mess.Out, 0));
  if (code != KERN_SUCCESS) return code;
  if (!same_item(&Mess.Out.pointType, &kPointItem)) return MIG_TYPE_ERROR;
  *point = Mess.Out.point;
  return KERN_SUCCESS;
}

/* Of memory that arrives, the deallocate bit is not looked at. */
static kern_return_t memory_call(mach_port_t server, mach_msg_id_t id, mach_msg_type_long_t item,
                                 vm_offset_t data, mach_msg_type_number_t dataCnt, vm_offset_t* back,
                                 mach_msg_type_number_t* backCnt) {
  union {
    MemoryRequest In;
    MemoryReply Out;
  } Mess;
  const struct call call = {.server = server,
                            .id = id,
                            .size = sizeof Mess.In,
                            .room = sizeof Mess.Out,
                            .complex = MACH_MSGH_BITS_COMPLEX};
  kern_return_t code;
  Mess.In.dataType = item;
  Mess.In.data = data;
  Mess.In.dataType.msgtl_number = dataCnt;
  code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  code = code_of(&Mess.Out.Head, has_form(&Mess.Out.Head, sizeof Mess.Out, 1));
  if (code != KERN_SUCCESS) return code;
  if (!same_kind(&Mess.Out.backType.msgtl_header, &kBytes.msgtl_header)) return MIG_TYPE_ERROR;
  *back = Mess.Out.back;
  *backCnt = Mess.Out.backType.msgtl_number;
  return KERN_SUCCESS;
}

kern_return_t sample_memory(mach_port_t server, vm_offset_t data, mach_msg_type_number_t dataCnt,
                            vm_offset_t* back, mach_msg_type_number_t* backCnt) {
  return memory_call(server, kMemory, kBytes, data, dataCnt, back, backCnt);
}

kern_return_t sample_give_memory(mach_port_t server, vm_offset_t data, mach_msg_type_number_t dataCnt,
                                 vm_offset_t* back, mach_msg_type_number_t* backCnt) {
  return memory_call(server, kGiveMemory, kGivenBytes, data, dataCnt, back, backCnt);
}

kern_return_t sample_take(mach_port_t server, mach_port_t copied, mach_port_t made, mach_port_t moved,
                          mach_port_t once_made, mach_port_t once_moved) {
  union {
    TakeRequest In;
    BareReply Out;
  } Mess;
  const struct call call = {.server = server,
                            .id = kTake,
                            .size = sizeof Mess.In,
                            .room = sizeof Mess.Out,
                            .complex = MACH_MSGH_BITS_COMPLEX};
  kern_return_t code;
  Mess.In.copiedType = kCopySend;
  Mess.In.copied.name = copied;
  Mess.In.madeType = kMakeSend;
  Mess.In.made.name = made;
  Mess.In.movedType = kMoveSend;
  Mess.In.moved.name = moved;
  Mess.In.once_madeType = kMakeSendOnce;
  Mess.In.once_made.name = once_made;
  Mess.In.once_movedType = kMoveSendOnce;
  Mess.In.once_moved.name = once_moved;
  code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  return code_of(&Mess.Out.Head, has_form(&Mess.Out.Head, sizeof Mess.Out, 0));
}

kern_return_t sample_give(mach_port_t server, mach_port_t* copied, mach_port_t* made, mach_port_t* moved,
                          mach_port_t* once_made, mach_port_t* once_moved) {
  union {
    BareRequest In;
    GiveReply Out;
  } Mess;
  const struct call call = {.server = server, .id = kGive, .size = sizeof Mess.In, .room = sizeof Mess.Out};
  kern_return_t code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  code = code_of(&Mess.Out.Head, has_form(&Mess.Out.Head, sizeof Mess.Out, 1));
  if (code != KERN_SUCCESS) return code;
  if (!same_item(&Mess.Out.copiedType, &kMoveSend)) return MIG_TYPE_ERROR;
  *copied = Mess.Out.copied.name;
  if (!same_item(&Mess.Out.madeType, &kMoveSend)) return MIG_TYPE_ERROR;
  *made = Mess.Out.made.name;
  if (!same_item(&Mess.Out.movedType, &kMoveSend)) return MIG_TYPE_ERROR;
  *moved = Mess.Out.moved.name;
  if (!same_item(&Mess.Out.once_madeType, &kMoveSendOnce)) return MIG_TYPE_ERROR;
  *once_made = Mess.Out.once_made.name;
  if (!same_item(&Mess.Out.once_movedType, &kMoveSendOnce)) return MIG_TYPE_ERROR;
  *once_moved = Mess.Out.once_moved.name;
  return KERN_SUCCESS;
}

kern_return_t sample_receive(mach_port_t server, mach_port_t right, mach_port_t* back) {
  union {
    RightRequest In;
    RightReply Out;
  } Mess;
  const struct call call = {.server = server,
                            .id = kReceive,
                            .size = sizeof Mess.In,
                            .room = sizeof Mess.Out,
                            .complex = MACH_MSGH_BITS_COMPLEX};
  kern_return_t code;
  Mess.In.rightType = kMoveReceive;
  Mess.In.right.name = right;
  code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  code = code_of(&Mess.Out.Head, has_form(&Mess.Out.Head, sizeof Mess.Out, 1));
  if (code != KERN_SUCCESS) return code;
  if (!same_item(&Mess.Out.backType, &kMoveReceive)) return MIG_TYPE_ERROR;
  *back = Mess.Out.back.name;
  return KERN_SUCCESS;
}

kern_return_t sample_ports(mach_port_t server, mach_port_array_t ports, mach_msg_type_number_t portsCnt,
                           mach_port_array_t* back, mach_msg_type_number_t* backCnt) {
  union {
    PortsRequest In;
    PortsReply Out;
  } Mess;
  const struct call call = {.server = server,
                            .id = kPorts,
                            .size = sizeof Mess.In,
                            .room = sizeof Mess.Out,
                            .complex = MACH_MSGH_BITS_COMPLEX};
  kern_return_t code;
  Mess.In.portsType = kCopiedPorts;
  Mess.In.ports = ports;
  Mess.In.portsType.msgtl_number = portsCnt;
  code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  code = code_of(&Mess.Out.Head, has_form(&Mess.Out.Head, sizeof Mess.Out, 1));
  if (code != KERN_SUCCESS) return code;
  if (!same_kind(&Mess.Out.backType.msgtl_header, &kMovedPorts.msgtl_header)) return MIG_TYPE_ERROR;
  *back = Mess.Out.back;
  *backCnt = Mess.Out.backType.msgtl_number;
  return KERN_SUCCESS;
}

/* Whether the message is complex depends on what the right turns out to be. */
kern_return_t sample_any(mach_port_t server, mach_port_t right, mach_msg_type_name_t rightPoly,
                         mach_port_t* back, mach_msg_type_name_t* backPoly) {
  union {
    RightRequest In;
    RightReply Out;
  } Mess;
  const struct call call = {.server = server,
                            .id = kAny,
                            .size = sizeof Mess.In,
                            .room = sizeof Mess.Out,
                            .complex = MACH_MSG_TYPE_PORT_ANY(rightPoly) ? MACH_MSGH_BITS_COMPLEX : 0};
  kern_return_t code;
  Mess.In.rightType = kPolymorphic;
  Mess.In.right.name = right;
  Mess.In.rightType.msgt_name = rightPoly & 0xff;
  code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  code = code_of(&Mess.Out.Head, Mess.Out.Head.msgh_size == sizeof Mess.Out);
  if (code != KERN_SUCCESS) return code;
  if (!is_one_port(&Mess.Out.Head, &Mess.Out.backType)) return MIG_TYPE_ERROR;
  *back = Mess.Out.back.name;
  *backPoly = Mess.Out.backType.msgt_name;
  return KERN_SUCCESS;
}

/* One number, answered by a code. */
static kern_return_t number_call(struct call call, int number) {
  union {
    NumberRequest In;
    BareReply Out;
  } Mess;
  kern_return_t code;
  call.size = sizeof Mess.In;
  call.room = sizeof Mess.Out;
  Mess.In.numberType = kInt;
  Mess.In.number = number;
  code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  return code_of(&Mess.Out.Head, has_form(&Mess.Out.Head, sizeof Mess.Out, 0));
}

kern_return_t sample_fail(mach_port_t server, int code) {
  return number_call((struct call){.server = server, .id = kFail}, code);
}

kern_return_t sample_try(mach_port_t server, int option, int number) {
  return number_call((struct call){.server = server, .id = kTry, .option = option}, number);
}

kern_return_t sample_later(mach_port_t server, natural_t limit) {
  union {
    BareRequest In;
    BareReply Out;
  } Mess;
  const struct call call = {.server = server,
                            .id = kLater,
                            .size = sizeof Mess.In,
                            .room = sizeof Mess.Out,
                            .option = MACH_RCV_TIMEOUT,
                            .timeout = limit};
  const kern_return_t code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  return code_of(&Mess.Out.Head, has_form(&Mess.Out.Head, sizeof Mess.Out, 0));
}

kern_return_t sample_noted(mach_port_t server, int* sum) {
  union {
    BareRequest In;
    NotedReply Out;
  } Mess;
  const struct call call = {.server = server, .id = kNoted, .size = sizeof Mess.In, .room = sizeof Mess.Out};
  kern_return_t code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  code = code_of(&Mess.Out.Head, has_form(&Mess.Out.Head, sizeof Mess.Out, 0));
  if (code != KERN_SUCCESS) return code;
  if (!same_item(&Mess.Out.sumType, &kInt)) return MIG_TYPE_ERROR;
  *sum = Mess.Out.sum;
  return KERN_SUCCESS;
}

/* The request of a simple routine: nothing comes back. */
static kern_return_t tell(mach_msg_header_t* head, mach_port_t server, mach_msg_id_t id, mach_msg_size_t size,
                          mach_msg_option_t option) {
  head->msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
  head->msgh_remote_port = server;
  head->msgh_local_port = MACH_PORT_NULL;
  head->msgh_seqno = 0;
  head->msgh_id = id;
  head->msgh_size = size;
  return mach_msg(head, MACH_SEND_MSG | option, size, 0, MACH_PORT_NULL, MACH_MSG_TIMEOUT_NONE,
                  MACH_PORT_NULL);
}

kern_return_t sample_note(mach_port_t server, int number) {
  NumberRequest In;
  In.numberType = kInt;
  In.number = number;
  return tell(&In.Head, server, kNote, sizeof In, MACH_MSG_OPTION_NONE);
}

kern_return_t sample_post(mach_port_t server, int option, const_text_t text) {
  TextRequest In;
  return tell(&In.Head, server, kPost, put_text(&In, text), option);
}
