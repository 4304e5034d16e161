/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of sample.defs: takes each request apart, has it carried out, puts the reply together. A reply
 * begins as an error's (stub.h), and stays one unless the routine succeeds. */
#include "tests/stubs/sample.h"
#include "tests/stubs/sample_messages.h"

static void serve_nothing(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  BareReply* OutP = (BareReply*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof(BareRequest), 0))
  OutP->RetCode = serve_sample_nothing(InHeadP->msgh_local_port);
}

static void serve_numbers(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  NumbersRequest* In0P = (NumbersRequest*)InHeadP;
  NumbersReply* OutP = (NumbersReply*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof *In0P, 0))
  REQUIRE(same_item(&In0P->aType, &kInt))
  REQUIRE(same_item(&In0P->bType, &kInt))
  OutP->RetCode = serve_sample_numbers(InHeadP->msgh_local_port, In0P->a, &In0P->b, &OutP->c);
  if (OutP->RetCode != KERN_SUCCESS) return;
  OutP->Head.msgh_size = sizeof *OutP;
  OutP->bType = kInt;
  OutP->b = In0P->b;
  OutP->cType = kInt64;
}

static void serve_label(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  LabelRequest* In0P = (LabelRequest*)InHeadP;
  LabelReply* OutP = (LabelReply*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof *In0P, 0))
  REQUIRE(same_item(&In0P->labelType, &kLabelItem))
  In0P->label[sizeof In0P->label - 1] = '\0';
  OutP->RetCode = serve_sample_label(InHeadP->msgh_local_port, In0P->label, OutP->answer);
  if (OutP->RetCode != KERN_SUCCESS) return;
  OutP->Head.msgh_size = sizeof *OutP;
  OutP->answerType = kLabelItem;
}

static int is_text_request(const TextRequest* In0P) {
  return In0P->Head.msgh_size >= 40 && !is_complex(&In0P->Head) && same_kind(&In0P->textType, &kTextItem) &&
         In0P->Head.msgh_size == 40 + padded(In0P->textType.msgt_number);
}

static void serve_text(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  TextRequest* In0P = (TextRequest*)InHeadP;
  TextReply* OutP = (TextReply*)OutHeadP;
  REQUIRE(is_text_request(In0P))
  OutP->RetCode = serve_sample_text(InHeadP->msgh_local_port, In0P->text, OutP->answer);
  if (OutP->RetCode != KERN_SUCCESS) return;
  OutP->answerType = kTextItem;
  OutP->answerType.msgt_number = (mach_msg_type_number_t)strlen(OutP->answer) + 1;
  OutP->Head.msgh_size = 56 + padded(OutP->answerType.msgt_number);
}

static void serve_row(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  RowRequest* In0P = (RowRequest*)InHeadP;
  RowReply* OutP = (RowReply*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof *In0P, 0))
  REQUIRE(same_item(&In0P->rowType, &kRowItem))
  OutP->RetCode = serve_sample_row(InHeadP->msgh_local_port, In0P->row, OutP->back);
  if (OutP->RetCode != KERN_SUCCESS) return;
  OutP->Head.msgh_size = sizeof *OutP;
  OutP->backType = kRowItem;
}

static void serve_list(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  ListRequest* In0P = (ListRequest*)InHeadP;
  ListReply* OutP = (ListReply*)OutHeadP;
  mach_msg_type_number_t backCnt = kListMax;
  REQUIRE(InHeadP->msgh_size >= 40 && !is_complex(InHeadP))
  REQUIRE(same_kind(&In0P->listType, &kListItem))
  REQUIRE(InHeadP->msgh_size == 40 + padded(4 * In0P->listType.msgt_number))
  OutP->RetCode = serve_sample_list(InHeadP->msgh_local_port, In0P->list, In0P->listType.msgt_number,
                                    OutP->back, &backCnt);
  if (OutP->RetCode != KERN_SUCCESS) return;
  OutP->backType = kListItem;
  OutP->backType.msgt_number = backCnt;
  OutP->Head.msgh_size = 56 + padded(4 * backCnt);
}

static void serve_point(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  PointRequest* In0P = (PointRequest*)InHeadP;
  PointReply* OutP = (PointReply*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof *In0P, 0))
  REQUIRE(same_item(&In0P->pointType, &kPointItem))
  OutP->RetCode = serve_sample_point(InHeadP->msgh_local_port, &In0P->point);
  if (OutP->RetCode != KERN_SUCCESS) return;
  OutP->Head.msgh_size = sizeof *OutP;
  OutP->pointType = kPointItem;
  OutP->point = In0P->point;
}

typedef kern_return_t (*MemoryRoutine)(mach_port_t, vm_offset_t, mach_msg_type_number_t, vm_offset_t*,
                                       mach_msg_type_number_t*);

static void serve_with_memory(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP, MemoryRoutine routine,
                              mach_msg_type_long_t item) {
  MemoryRequest* In0P = (MemoryRequest*)InHeadP;
  MemoryReply* OutP = (MemoryReply*)OutHeadP;
  mach_msg_type_number_t backCnt;
  REQUIRE(has_form(InHeadP, sizeof *In0P, 1))
  REQUIRE(same_kind(&In0P->dataType.msgtl_header, &kBytes.msgtl_header))
  OutP->RetCode =
      routine(InHeadP->msgh_local_port, In0P->data, In0P->dataType.msgtl_number, &OutP->back, &backCnt);
  if (OutP->RetCode != KERN_SUCCESS) return;
  OutP->Head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
  OutP->Head.msgh_size = sizeof *OutP;
  OutP->backType = item;
  OutP->backType.msgtl_number = backCnt;
}

static void serve_memory(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  serve_with_memory(InHeadP, OutHeadP, serve_sample_memory, kGivenBytes);
}

static void serve_give_memory(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  serve_with_memory(InHeadP, OutHeadP, serve_sample_give_memory, kBytes);
}

static void serve_take(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  TakeRequest* In0P = (TakeRequest*)InHeadP;
  BareReply* OutP = (BareReply*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof *In0P, 1))
  REQUIRE(same_item(&In0P->copiedType, &kMoveSend))
  REQUIRE(same_item(&In0P->madeType, &kMoveSend))
  REQUIRE(same_item(&In0P->movedType, &kMoveSend))
  REQUIRE(same_item(&In0P->once_madeType, &kMoveSendOnce))
  REQUIRE(same_item(&In0P->once_movedType, &kMoveSendOnce))
  OutP->RetCode = serve_sample_take(InHeadP->msgh_local_port, In0P->copied.name, In0P->made.name,
                                    In0P->moved.name, In0P->once_made.name, In0P->once_moved.name);
}

static void serve_give(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  GiveReply* OutP = (GiveReply*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof(BareRequest), 0))
  OutP->RetCode = serve_sample_give(InHeadP->msgh_local_port, &OutP->copied.name, &OutP->made.name,
                                    &OutP->moved.name, &OutP->once_made.name, &OutP->once_moved.name);
  if (OutP->RetCode != KERN_SUCCESS) return;
  OutP->Head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
  OutP->Head.msgh_size = sizeof *OutP;
  OutP->copiedType = kCopySend;
  OutP->madeType = kMakeSend;
  OutP->movedType = kMoveSend;
  OutP->once_madeType = kMakeSendOnce;
  OutP->once_movedType = kMoveSendOnce;
}

static void serve_receive(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  RightRequest* In0P = (RightRequest*)InHeadP;
  RightReply* OutP = (RightReply*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof *In0P, 1))
  REQUIRE(same_item(&In0P->rightType, &kMoveReceive))
  OutP->RetCode = serve_sample_receive(InHeadP->msgh_local_port, In0P->right.name, &OutP->back.name);
  if (OutP->RetCode != KERN_SUCCESS) return;
  OutP->Head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
  OutP->Head.msgh_size = sizeof *OutP;
  OutP->backType = kMoveReceive;
}

static void serve_ports(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  PortsRequest* In0P = (PortsRequest*)InHeadP;
  PortsReply* OutP = (PortsReply*)OutHeadP;
  mach_msg_type_number_t backCnt;
  REQUIRE(has_form(InHeadP, sizeof *In0P, 1))
  REQUIRE(same_kind(&In0P->portsType.msgtl_header, &kMovedPorts.msgtl_header))
  OutP->RetCode = serve_sample_ports(InHeadP->msgh_local_port, In0P->ports, In0P->portsType.msgtl_number,
                                     &OutP->back, &backCnt);
  if (OutP->RetCode != KERN_SUCCESS) return;
  OutP->Head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
  OutP->Head.msgh_size = sizeof *OutP;
  OutP->backType = kMovedPorts;
  OutP->backType.msgtl_number = backCnt;
}

static void serve_any(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  RightRequest* In0P = (RightRequest*)InHeadP;
  RightReply* OutP = (RightReply*)OutHeadP;
  mach_msg_type_name_t backPoly;
  REQUIRE(InHeadP->msgh_size == sizeof *In0P)
  REQUIRE(is_one_port(InHeadP, &In0P->rightType))
  OutP->RetCode = serve_sample_any(InHeadP->msgh_local_port, In0P->right.name, In0P->rightType.msgt_name,
                                   &OutP->back.name, &backPoly);
  if (OutP->RetCode != KERN_SUCCESS) return;
  OutP->Head.msgh_size = sizeof *OutP;
  OutP->backType = kPolymorphic;
  OutP->backType.msgt_name = backPoly & 0xff;
  if (MACH_MSG_TYPE_PORT_ANY(backPoly)) OutP->Head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
}

typedef kern_return_t (*NumberRoutine)(mach_port_t, int);

static void serve_with_number(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP,
                              NumberRoutine routine) {
  NumberRequest* In0P = (NumberRequest*)InHeadP;
  BareReply* OutP = (BareReply*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof *In0P, 0))
  REQUIRE(same_item(&In0P->numberType, &kInt))
  OutP->RetCode = routine(InHeadP->msgh_local_port, In0P->number);
}

static void serve_fail(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  serve_with_number(InHeadP, OutHeadP, serve_sample_fail);
}

static void serve_try(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  serve_with_number(InHeadP, OutHeadP, serve_sample_try);
}

/* A simple routine says itself that there is nothing to be sent. */
static void serve_note(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  serve_with_number(InHeadP, OutHeadP, serve_sample_note);
}

static void serve_later(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  BareReply* OutP = (BareReply*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof(BareRequest), 0))
  OutP->RetCode = serve_sample_later(InHeadP->msgh_local_port, InHeadP->msgh_remote_port);
}

static void serve_post(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  TextRequest* In0P = (TextRequest*)InHeadP;
  BareReply* OutP = (BareReply*)OutHeadP;
  REQUIRE(is_text_request(In0P))
  OutP->RetCode = serve_sample_post(InHeadP->msgh_local_port, In0P->text);
}

static void serve_noted(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  NotedReply* OutP = (NotedReply*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof(BareRequest), 0))
  OutP->RetCode = serve_sample_noted(InHeadP->msgh_local_port, &OutP->sum);
  if (OutP->RetCode != KERN_SUCCESS) return;
  OutP->Head.msgh_size = sizeof *OutP;
  OutP->sumType = kInt;
}

static void serve_quit(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  BareReply* OutP = (BareReply*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof(BareRequest), 0))
  OutP->RetCode = serve_sample_quit(InHeadP->msgh_local_port);
}

static const mig_routine_t kRoutines[] = {
    serve_nothing, serve_numbers,     serve_label, serve_text, serve_row,     serve_list,  serve_point,
    serve_memory,  serve_give_memory, serve_take,  serve_give, serve_receive, serve_ports, serve_any,
    serve_fail,    serve_later,       serve_try,   serve_note, serve_post,    serve_noted, serve_quit,
};
_Static_assert(sizeof kRoutines / sizeof *kRoutines == kSampleEnd - kNothing, "one for each");

boolean_t sample_server(mach_msg_header_t* request, mach_msg_header_t* reply) {
  return dispatch(request, reply, kNothing, kRoutines, kSampleEnd - kNothing);
}
