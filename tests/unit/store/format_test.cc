// The store's bytes: print and parse, and what damage does.
#include <random>

#include "fixture.h"
#include "store/checkpoint.h"
#include "store/chunk.h"
#include "store/log_format.h"
#include "store/operation.h"
#include "store/recovery.h"
#include "store/schema.h"

using namespace hauspost;
using namespace hauspost::store;
using namespace hauspost::store::test;

namespace {

std::string joined(const EncodedRecord& record) {
  std::string bytes;
  for (const std::string_view piece : record.pieces) bytes += piece;
  return bytes;
}

RecordHeader some_header() {
  RecordHeader header;
  header.lsn = Lsn(77);
  header.epoch = 3;
  header.time_us = 1'700'000'000'000'123;
  header.actor = {kAnna, kBert, "phone"};
  return header;
}

std::unique_ptr<EncodedRecord> some_record(Lsn segment) {
  std::vector<std::shared_ptr<const PreparedBody>> bodies;
  for (const char* text : {"first message", "", "the third one"}) {
    bodies.push_back(std::make_shared<const PreparedBody>(prepare_body(body_of(text), "summary")));
  }
  return encode_record(some_header(), 2, "operation bytes", std::move(bodies), segment);
}

std::vector<Operation> one_of_each() {
  return {CreateMailbox{MailboxId(1), kAnna, "anna@example.org", -5},
          DeleteMailbox{MailboxId(2), kBert},
          CreateFolder{FolderId(3), MailboxId(1), FolderId(2), "n\xc3\xa4me", 99, SpecialUse::kSent,
                       true},
          DeleteFolder{FolderId(4)},
          RenameFolder{FolderId(5), FolderId(6), "other"},
          SetSubscribed{FolderId(7), true},
          AddKeyword{FolderId(8), "$Work"},
          AddBodies{BodyId(1ULL << 40)},
          AddMessage{FolderId(9), Uid(10), 11, kSeen | 1ULL << 62, -12, BodyId(13), 14, "note"},
          SetFlags{FolderId(15), kSeen, kDeleted, {{1, 5}, {7, UINT32_MAX}}},
          Expunge{FolderId(16), {{3, 3}}},
          Annotate{FolderId(17), Uid(18), ""},
          NoteDelivery{kAnna, MailboxId(19), 20},
          ForgetDeliveries{21},
          Retire{FolderId(22), FolderId(23), Uid(24), 25, {{26, 30}, {40, 40}}},
          SetMailboxState{MailboxId(31), kBert, -32},
          RenewUidValidity{FolderId(4), 77},
          SetRights{FolderId(33), kBert, kMayRead | kMayAdminister},
          SetSeen{FolderId(34), kAnna, true, {{1, 2}, {9, 9}}}};
}

Message message_with(std::uint32_t uid) {
  return {Uid(uid), uid * 2, uid % 7, ModSeq(uid + 100), -1, BodyId(uid + 5), 9};
}

}  // namespace

TEST_CASE("log format: a segment header reads back, one changed byte does not") {
  SegmentHeader header{kDatabaseGuid, Lsn(42), 7, 123};
  const std::string bytes = encode_segment_header(header);
  REQUIRE(bytes.size() == kSegmentHeaderBytes);
  const auto read = decode_segment_header(bytes);
  REQUIRE(read.has_value());
  CHECK(read->database == kDatabaseGuid);
  CHECK(read->first_lsn == Lsn(42));
  CHECK(read->epoch == 7);
  CHECK(read->created_us == 123);
  for (std::size_t i = 0; i < bytes.size(); i += i < 64 ? 1 : 97) {
    std::string damaged = bytes;
    damaged[i] ^= 4;
    CAPTURE(i);
    REQUIRE_FALSE(decode_segment_header(damaged).has_value());
  }
  CHECK_FALSE(decode_segment_header(bytes.substr(0, kSegmentHeaderBytes - 1)).has_value());
}

TEST_CASE("log format: a record reads back") {
  const auto record = some_record(Lsn(70));
  const std::string bytes = joined(*record);
  CHECK(bytes.size() == record->padded);
  CHECK(bytes.size() % kRecordAlignment == 0);
  const std::string followed = bytes + std::string(100, 'x');
  const auto read = decode_record(followed, Lsn(70));
  REQUIRE(read.has_value());
  CHECK(read->length == record->length);
  CHECK(read->header.lsn == Lsn(77));
  CHECK(read->header.epoch == 3);
  CHECK(read->header.time_us == some_header().time_us);
  CHECK(read->header.actor.session == kAnna);
  CHECK(read->header.actor.user == kBert);
  CHECK(read->header.actor.device == "phone");
  CHECK(read->operations == 2);
  CHECK(read->operation_bytes == "operation bytes");
  REQUIRE(read->blobs.size() == 3);
  const auto blob = decode_blob(std::string_view(bytes).substr(read->blobs[2].offset), true);
  REQUIRE(blob.has_value());
  CHECK(blob->message == "the third one");
  CHECK(blob->summary == "summary");
  CHECK(blob->content_hash.size() == 16);
  CHECK(blob->bytes == read->blobs[2].bytes);
}

TEST_CASE("log format: a record cut short, changed or in another segment is none") {
  const std::string bytes = joined(*some_record(Lsn(70)));
  const auto length = some_record(Lsn(70))->length;
  for (std::size_t i = 0; i < length; ++i) {
    CAPTURE(i);
    REQUIRE_FALSE(decode_record(bytes.substr(0, i), Lsn(70)).has_value());
    std::string damaged = bytes;
    damaged[i] ^= 0x10;
    REQUIRE_FALSE(decode_record(damaged, Lsn(70)).has_value());
  }
  CHECK_FALSE(decode_record(bytes, Lsn(71)).has_value());
  CHECK_FALSE(decode_record("", Lsn(70)).has_value());
  CHECK_FALSE(decode_record(std::string(4096, '\0'), Lsn(70)).has_value());
}

TEST_CASE("log format: a changed body is found") {
  const PreparedBody body = prepare_body(body_of("some message"), "a summary");
  const std::string bytes = body.header + body.summary + *body.message;
  REQUIRE(decode_blob(bytes, true).has_value());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] ^= 1;
    CAPTURE(i);
    REQUIRE_FALSE(decode_blob(damaged, true).has_value());
    REQUIRE_FALSE(decode_blob(bytes.substr(0, i), true).has_value());
  }
}

TEST_CASE("operations: each kind reads back and shows itself") {
  std::string all;
  std::vector<std::string> lines;
  for (const Operation& operation : one_of_each()) {
    encode(operation, all);
    lines.push_back(describe(operation));
    CHECK_FALSE(lines.back().empty());
  }
  std::string_view rest = all;
  std::string again;
  for (const std::string& line : lines) {
    const auto operation = decode_operation(rest);
    REQUIRE(operation.has_value());
    CHECK(describe(*operation) == line);
    encode(*operation, again);
  }
  CHECK(rest.empty());
  CHECK(again == all);
}

TEST_CASE("operations: cut short or unknown is an error, whatever the bytes") {
  for (const Operation& operation : one_of_each()) {
    std::string bytes;
    encode(operation, bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      std::string_view cut = std::string_view(bytes).substr(0, i);
      CAPTURE(describe(operation), i);
      REQUIRE_FALSE(decode_operation(cut).has_value());
    }
  }
  for (const int kind : {0, 15, 255}) {
    const std::string bytes(100, static_cast<char>(kind));
    std::string_view rest = bytes;
    CHECK_FALSE(decode_operation(rest).has_value());
  }
  std::mt19937_64 random(5);
  for (int i = 0; i < 20'000; ++i) {
    std::string noise(random() % 64, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    if (!noise.empty()) noise[0] = static_cast<char>(random() % 16);
    std::string_view rest = noise;
    (void)decode_operation(rest);  // any answer, but an answer
    CHECK(rest.size() <= noise.size());
  }
}

TEST_CASE("chunks: find, change and keep the highest MODSEQ") {
  Chunk chunk;
  for (std::uint32_t uid = 10; uid < 50; ++uid) chunk.append(message_with(uid * 2));
  CHECK(chunk.size() == kChunkEntriesMax);
  CHECK(chunk.bytes().size() == 8 + 40 * 48);
  const ChunkView view = chunk.view();
  CHECK(view.highest_modseq() == ModSeq(98 + 100));
  CHECK(view.lower_bound(0) == 0);
  CHECK(view.lower_bound(20) == 0);
  CHECK(view.lower_bound(21) == 1);
  CHECK(view.lower_bound(98) == 39);
  CHECK(view.lower_bound(99) == 40);
  const Message message = view.message(3);
  CHECK(message.uid == Uid(26));
  CHECK(message.size == 52);
  CHECK(message.flags == 26 % 7);
  CHECK(message.modseq == ModSeq(126));
  CHECK(message.internal_date_s == -1);
  CHECK(message.body == BodyId(31));
  CHECK(message.save_date_s == 9);
  chunk.set_flags(3, kDeleted, ModSeq(500));
  CHECK(chunk.view().message(3).flags == kDeleted);
  CHECK(chunk.view().message(3).modseq == ModSeq(500));
  CHECK(chunk.view().highest_modseq() == ModSeq(500));
  CHECK_FALSE(ChunkView::parse("").has_value());
  CHECK_FALSE(ChunkView::parse(std::string(8 + 47, '\0')).has_value());
}

TEST_CASE("schema: rows read back and refuse other lengths") {
  FolderRow row;
  row.folder.mailbox = MailboxId(1);
  row.folder.parent = FolderId(2);
  row.folder.name = "name";
  row.folder.uid_validity = 3;
  row.folder.uid_next = Uid(4);
  row.folder.highest_modseq = ModSeq(5);
  row.folder.messages = 6;
  row.folder.unseen = 7;
  row.folder.deleted = 8;
  row.folder.bytes = 9;
  row.folder.special_use = SpecialUse::kJunk;
  row.folder.subscribed = true;
  row.folder.keywords = {"a", "b"};
  row.tombstones = 10;
  row.tombstone_floor = ModSeq(11);
  const std::string bytes = encode(row);
  const auto read = decode_folder(FolderId(12), bytes);
  REQUIRE(read.has_value());
  CHECK(encode(*read) == bytes);
  CHECK(read->folder.keywords == row.folder.keywords);
  CHECK(read->tombstone_floor == ModSeq(11));
  const std::string state = encode(State{kAnna, Lsn(1), 2, 3, 4, 5, 6, 7});
  CHECK(encode(*decode_state(state)) == state);
  const std::string body = encode(BodyRow{Lsn(1), 2, 3, 4});
  CHECK(encode(*decode_body(body)) == body);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    REQUIRE_FALSE(decode_folder(FolderId(1), bytes.substr(0, i)).has_value());
  CHECK_FALSE(decode_folder(FolderId(1), bytes + "x").has_value());
  CHECK_FALSE(decode_state(state.substr(1)).has_value());
  CHECK_FALSE(decode_body(body + "x").has_value());
  CHECK_FALSE(decode_segment("").has_value());
  CHECK_FALSE(decode_mailbox(kAnna, "").has_value());
}

TEST_CASE("checkpoint file: reads back, damage is found") {
  CheckpointFile file{kAnna, Lsn(9), true, "boot", std::string(kMetaBytes, 'm')};
  const std::string bytes = encode(file);
  const auto read = decode_checkpoint(bytes);
  REQUIRE(read.has_value());
  CHECK(read->database == kAnna);
  CHECK(read->lsn == Lsn(9));
  CHECK(read->clean);
  CHECK(read->boot_id == "boot");
  CHECK(read->metas == file.metas);
  for (std::size_t i = 0; i < bytes.size(); i += i < 80 ? 1 : 61) {
    std::string damaged = bytes;
    damaged[i] ^= 2;
    CAPTURE(i);
    REQUIRE_FALSE(decode_checkpoint(damaged).has_value());
    REQUIRE_FALSE(decode_checkpoint(bytes.substr(0, i)).has_value());
  }
}
