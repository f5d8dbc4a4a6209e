/* wire.h: protobuf messages from untrusted bytes: checked first, with the offset of what is wrong.
 *
 * protobuf-c only says "no" and recurses as deep as the bytes tell it to. wire_check walks the
 * bytes by the message's descriptor before protobuf-c sees them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include "base/err.h"
#include "base/mem.h"

enum { WIRE_DEPTH = 100 }; /* messages inside messages; protobuf's own default limit */

/* Every field has the wire type that the descriptor asks for, and nothing is cut off. The error
 * reads "byte 123: field 5 of NodeProto: …". */
int wire_check(const ProtobufCMessageDescriptor *d, const void *p, size_t size, struct err *e);

/* wire_check, then protobuf_c_message_unpack; NULL on error. Free with
 * protobuf_c_message_free_unpacked(m, NULL). */
void *wire_unpack(const ProtobufCMessageDescriptor *d, const void *p, size_t size, struct err *e);

/* Appends the packed message. */
void wire_pack(const ProtobufCMessage *m, struct buf *out);

#endif
