#include "store/search/postings.h"

namespace hauspost::store {

namespace {

// Calls `take` (std::uint64_t -> bool) with each document; false when one was refused or the bytes
// are damaged.
template <class Take>
bool each_difference(std::string_view bytes, const Take& take) {
  std::uint64_t document = 0;
  while (!bytes.empty()) {
    const auto lead = static_cast<unsigned char>(bytes[0]);
    std::uint64_t difference = lead;
    if (lead < 0x80) {
      bytes.remove_prefix(1);
    } else {
      const auto taken = take_varint(bytes);
      if (!taken) return false;
      difference = *taken;
    }
    document += difference;
    if (difference > UINT32_MAX || !take(document)) return false;
  }
  return true;
}

}  // namespace

void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

std::optional<std::uint64_t> take_varint(std::string_view& rest) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !rest.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest[0]);
    rest.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

void put_postings(std::string& out, std::span<const std::uint32_t> documents) {
  std::string bytes;
  std::uint32_t previous = 0;
  for (const std::uint32_t document : documents) {
    put_varint(bytes, document - previous);
    previous = document;
  }
  const std::size_t bit_bytes = documents.back() / 8 + 1;
  const bool bits = bit_bytes < bytes.size();
  if (bits) {
    bytes.assign(bit_bytes, '\0');
    for (const std::uint32_t document : documents) {
      char& byte = bytes[document / 8];
      byte = static_cast<char>(static_cast<unsigned char>(byte) | 1U << (document % 8));
    }
  }
  put_varint(out, std::uint64_t{bytes.size()} << 1 | (bits ? 1 : 0));
  out += bytes;
}

std::optional<Postings> take_postings(std::string_view& rest) {
  const auto head = take_varint(rest);
  if (!head || *head >> 1 > rest.size()) return std::nullopt;
  const Postings postings{(*head & 1) != 0, rest.substr(0, *head >> 1)};
  rest.remove_prefix(postings.bytes.size());
  return postings;
}

bool add_postings(DocumentSet& into, const Postings& postings) {
  if (postings.bits) return into.add_bits(postings.bytes);
  return each_difference(postings.bytes, [&into](std::uint64_t document) {
    if (document >= into.size()) return false;
    into.add(document);
    return true;
  });
}

bool append_postings(std::vector<std::uint32_t>& to, const Postings& postings, std::uint32_t offset,
                     std::uint64_t limit) {
  if (!postings.bits) {
    return each_difference(postings.bytes, [&](std::uint64_t document) {
      if (document >= limit) return false;
      to.push_back(static_cast<std::uint32_t>(document + offset));
      return true;
    });
  }
  for (std::size_t at = 0; at < postings.bytes.size(); ++at) {
    for (unsigned byte = static_cast<unsigned char>(postings.bytes[at]); byte != 0;
         byte &= byte - 1) {
      const std::uint64_t document = at * 8 + static_cast<unsigned>(std::countr_zero(byte));
      if (document >= limit) return false;
      to.push_back(static_cast<std::uint32_t>(document + offset));
    }
  }
  return true;
}

}  // namespace hauspost::store
