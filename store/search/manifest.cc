#include "store/search/manifest.h"

#include "base/bytes.h"

namespace hauspost::store {

namespace {

constexpr std::uint64_t kMagic = 0x314e414d48435348;  // "HSCHMAN1"

}  // namespace

std::string encode(const SearchManifest& manifest) {
  std::string out;
  put_le(out, kMagic);
  put_le(out, kSearchFormat);
  out += manifest.database.as_bytes();
  put_le(out, manifest.next.value);
  put_le(out, static_cast<std::uint32_t>(manifest.runs.size()));
  for (const std::uint64_t number : manifest.runs) put_le(out, number);
  put_le(out, crc32c(out));
  return out;
}

Result<SearchManifest> decode_search_manifest(std::string_view bytes) {
  ByteReader in(bytes);
  const bool known = in.le<std::uint64_t>() == kMagic && in.le<std::uint32_t>() == kSearchFormat;
  SearchManifest manifest;
  manifest.database = Guid::from_bytes(in.take(16)).value_or(Guid{});
  manifest.next = BodyId(in.le<std::uint64_t>());
  const auto runs = in.le<std::uint32_t>();
  for (std::uint32_t i = 0; i < runs && in.ok(); ++i)
    manifest.runs.push_back(in.le<std::uint64_t>());
  const std::size_t checked = bytes.size() - in.rest().size();
  const auto crc = in.le<std::uint32_t>();
  if (!known || !in.at_end() || crc32c(bytes.substr(0, checked)) != crc)
    return fail(ErrorCode::kCorrupt, "the search index's manifest does not parse");
  return manifest;
}

}  // namespace hauspost::store
