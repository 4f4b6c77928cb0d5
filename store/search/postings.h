// Postings: the documents of one term, as offsets from the run's first body. A varint of the length
// and the form, then the documents as rising varint differences or, where that is shorter, as bits.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/search/document_set.h"

namespace hauspost::store {

void put_varint(std::string& out, std::uint64_t value);
// Moves `rest` behind the number. nullopt: it does not end, or is too large for 64 bits.
std::optional<std::uint64_t> take_varint(std::string_view& rest);

// REQUIRES: `documents` rise and are not empty.
void put_postings(std::string& out, std::span<const std::uint32_t> documents);

struct Postings {
  bool bits = false;
  std::string_view bytes;
};
// Moves `rest` behind the postings. nullopt: damaged.
std::optional<Postings> take_postings(std::string_view& rest);

// False: damaged, or with documents that do not fit into `into`.
bool add_postings(DocumentSet& into, const Postings& postings);
// Appends the documents, raised by `offset`. False: damaged, or a document is not below `limit`
// before it is raised.
bool append_postings(std::vector<std::uint32_t>& to, const Postings& postings, std::uint32_t offset,
                     std::uint64_t limit);

}  // namespace hauspost::store
