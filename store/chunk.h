// Chunk: up to forty message entries of 48 bytes in one index value, in rising UID order, with
// their highest MODSEQ in front. Its key holds the lowest UID it may contain.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/schema.h"
#include "store/types.h"

namespace hauspost::store {

inline constexpr std::size_t kChunkHeaderBytes = 8;
inline constexpr std::size_t kEntryBytes = 48;
inline constexpr std::size_t kChunkEntriesMax = 40;
// Neighbours that together hold at most this many entries become one.
inline constexpr std::size_t kChunkMergeMax = 28;

// A view; valid as long as the bytes.
class ChunkView {
 public:
  // kCorrupt: impossible size.
  static Result<ChunkView> parse(std::string_view bytes);

  ModSeq highest_modseq() const;
  std::size_t size() const { return (bytes_.size() - kChunkHeaderBytes) / kEntryBytes; }
  std::uint32_t uid(std::size_t i) const;
  FlagBits flags(std::size_t i) const;
  Message message(std::size_t i) const;
  // The first entry whose UID is not below `uid`; size() when there is none.
  std::size_t lower_bound(std::uint32_t uid) const;
  std::string_view entry(std::size_t i) const {
    return bytes_.substr(kChunkHeaderBytes + i * kEntryBytes, kEntryBytes);
  }

 private:
  explicit ChunkView(std::string_view bytes) : bytes_(bytes) {}
  std::string_view bytes_;
};

// An owned chunk under construction or change.
class Chunk {
 public:
  Chunk() : bytes_(kChunkHeaderBytes, '\0') {}
  explicit Chunk(const ChunkView& view);

  std::size_t size() const { return (bytes_.size() - kChunkHeaderBytes) / kEntryBytes; }
  // REQUIRES: the UID is above all others.
  void append(const Message& message);
  void append_entry(std::string_view entry, ModSeq modseq) {
    bytes_ += entry;
    raise_modseq(modseq);
  }
  void set_flags(std::size_t i, FlagBits flags, ModSeq modseq);
  // MODSEQ never goes back, also when the entry that had it is gone.
  void raise_modseq(ModSeq modseq);
  const std::string& bytes() const { return bytes_; }
  ChunkView view() const { return ChunkView::parse(bytes_).value(); }

 private:
  std::string bytes_;
};

// A chunk found in the index, copied out, with its key.
struct FoundChunk {
  std::uint32_t key_uid = 0;
  Chunk chunk;
};
// The chunk of `folder` that holds `uid` if any does, else the next one; nullopt: none from here
// on.
Result<std::optional<FoundChunk>> find_chunk(const Txn& txn, const Index& index, FolderId folder,
                                             std::uint32_t uid);
// The folder's last chunk.
Result<std::optional<FoundChunk>> find_last_chunk(const Txn& txn, const Index& index,
                                                  FolderId folder);

}  // namespace hauspost::store
