#include "store/chunk.h"

#include "base/bytes.h"

namespace hauspost::store {

namespace {

constexpr std::size_t kSizeAt = 4;
constexpr std::size_t kFlagsAt = 8;
constexpr std::size_t kModseqAt = 16;
constexpr std::size_t kInternalDateAt = 24;
constexpr std::size_t kBodyAt = 32;
constexpr std::size_t kSaveDateAt = 40;

bool in_folder(std::string_view key, FolderId folder) {
  return key.size() == 8 && load_be<std::uint32_t>(key.data()) == folder.value;
}

Result<FoundChunk> found(const Cursor& cursor) {
  TRY_ASSIGN(const ChunkView view, ChunkView::parse(cursor.value()));
  return FoundChunk{load_be<std::uint32_t>(cursor.key().data() + 4), Chunk(view)};
}

}  // namespace

Result<ChunkView> ChunkView::parse(std::string_view bytes) {
  if (bytes.size() < kChunkHeaderBytes || (bytes.size() - kChunkHeaderBytes) % kEntryBytes != 0)
    return fail(ErrorCode::kCorrupt, "index: bad row in table messages");
  return ChunkView(bytes);
}

ModSeq ChunkView::highest_modseq() const { return ModSeq(load_le<std::uint64_t>(bytes_.data())); }

std::uint32_t ChunkView::uid(std::size_t i) const {
  return load_le<std::uint32_t>(entry(i).data());
}

FlagBits ChunkView::flags(std::size_t i) const {
  return load_le<FlagBits>(entry(i).data() + kFlagsAt);
}

Message ChunkView::message(std::size_t i) const {
  const char* raw = entry(i).data();
  Message message;
  message.uid = Uid(load_le<std::uint32_t>(raw));
  message.size = load_le<std::uint32_t>(raw + kSizeAt);
  message.flags = load_le<FlagBits>(raw + kFlagsAt);
  message.modseq = ModSeq(load_le<std::uint64_t>(raw + kModseqAt));
  message.internal_date_s = load_le<std::int64_t>(raw + kInternalDateAt);
  message.body = BodyId(load_le<std::uint64_t>(raw + kBodyAt));
  message.save_date_s = load_le<std::int64_t>(raw + kSaveDateAt);
  return message;
}

std::size_t ChunkView::lower_bound(std::uint32_t wanted) const {
  std::size_t low = 0;
  std::size_t high = size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (uid(middle) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

Chunk::Chunk(const ChunkView& view) : bytes_(kChunkHeaderBytes, '\0') {
  bytes_.reserve(kChunkHeaderBytes + (view.size() + 1) * kEntryBytes);
  raise_modseq(view.highest_modseq());
  if (view.size() != 0) bytes_.append(view.entry(0).data(), view.size() * kEntryBytes);
}

void Chunk::append(const Message& message) {
  put_le(bytes_, message.uid.value);
  put_le(bytes_, message.size);
  put_le(bytes_, message.flags);
  put_le(bytes_, message.modseq.value);
  put_le(bytes_, message.internal_date_s);
  put_le(bytes_, message.body.value);
  put_le(bytes_, message.save_date_s);
  raise_modseq(message.modseq);
}

void Chunk::set_flags(std::size_t i, FlagBits flags, ModSeq modseq) {
  char* raw = bytes_.data() + kChunkHeaderBytes + i * kEntryBytes;
  std::memcpy(raw + kFlagsAt, &flags, sizeof flags);
  std::memcpy(raw + kModseqAt, &modseq.value, sizeof modseq.value);
  raise_modseq(modseq);
}

void Chunk::raise_modseq(ModSeq modseq) {
  if (load_le<std::uint64_t>(bytes_.data()) < modseq.value)
    std::memcpy(bytes_.data(), &modseq.value, sizeof modseq.value);
}

Result<std::optional<FoundChunk>> find_chunk(const Txn& txn, const Index& index, FolderId folder,
                                             std::uint32_t uid) {
  TRY_ASSIGN(Cursor cursor, Cursor::open(txn, index.messages));
  TRY_ASSIGN(bool here, cursor.seek_before(message_key(folder, uid)));
  if (here && in_folder(cursor.key(), folder)) {
    TRY_ASSIGN(FoundChunk chunk, found(cursor));
    const ChunkView view = chunk.chunk.view();
    if (view.size() != 0 && view.uid(view.size() - 1) >= uid) return chunk;
    TRY_ASSIGN(here, cursor.next());
  } else {
    TRY_ASSIGN(here, cursor.seek(message_key(folder, uid)));
  }
  if (!here || !in_folder(cursor.key(), folder)) return std::nullopt;
  TRY_ASSIGN(FoundChunk next, found(cursor));
  return next;
}

Result<std::optional<FoundChunk>> find_last_chunk(const Txn& txn, const Index& index,
                                                  FolderId folder) {
  TRY_ASSIGN(Cursor cursor, Cursor::open(txn, index.messages));
  TRY_ASSIGN(const bool here, cursor.seek_before(message_key(folder, UINT32_MAX)));
  if (!here || !in_folder(cursor.key(), folder)) return std::nullopt;
  TRY_ASSIGN(FoundChunk chunk, found(cursor));
  return chunk;
}

}  // namespace hauspost::store
