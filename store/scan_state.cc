#include "store/scan_state.h"

#include "base/bytes.h"

namespace hauspost::store {

namespace {

constexpr std::string_view kMagic = "HPSCANST";
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kFileMax = 1 << 20;
constexpr std::size_t kTextMax = 2000;  // of one line of damage

void put_lines(std::string& out, const std::vector<std::string>& lines) {
  const std::size_t count = std::min(lines.size(), ScanState::kDamageMax);
  put_le(out, static_cast<std::uint32_t>(count));
  for (std::size_t i = 0; i < count; ++i)
    put_string(out, std::string_view(lines[i]).substr(0, kTextMax));
}

std::vector<std::string> take_lines(ByteReader& in) {
  std::vector<std::string> lines;
  const auto count = in.le<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok() && i < ScanState::kDamageMax; ++i)
    lines.emplace_back(in.string());
  return lines;
}

}  // namespace

std::string encode(const ScanState& state) {
  std::string out(kMagic);
  put_le(out, kFormat);
  put_le(out, state.started_s);
  put_le(out, state.finished_s);
  put_le(out, std::uint8_t{state.under_way});
  put_le(out, state.position.segment.value);
  put_le(out, state.position.offset);
  put_le(out, state.bytes);
  put_lines(out, state.damage);
  put_lines(out, state.before);
  put_le(out, crc32c(out));
  return out;
}

Result<ScanState> decode_scan_state(std::string_view bytes) {
  ByteReader in(bytes);
  const bool known = in.take(kMagic.size()) == kMagic && in.le<std::uint32_t>() == kFormat;
  ScanState state;
  state.started_s = in.le<std::int64_t>();
  state.finished_s = in.le<std::int64_t>();
  state.under_way = in.le<std::uint8_t>() != 0;
  state.position.segment = Lsn(in.le<std::uint64_t>());
  state.position.offset = in.le<std::uint64_t>();
  state.bytes = in.le<std::uint64_t>();
  state.damage = take_lines(in);
  state.before = take_lines(in);
  const auto crc = in.le<std::uint32_t>();
  if (!known || !in.at_end() || crc32c(bytes.substr(0, bytes.size() - sizeof crc)) != crc)
    return fail(ErrorCode::kCorrupt, "the scan's state is damaged");
  return state;
}

ScanState read_scan_state(const std::string& folder) {
  const auto bytes = read_file(folder + "/" + std::string(kScanFile), kFileMax);
  if (!bytes) return {};
  return decode_scan_state(*bytes).value_or(ScanState());
}

Result<> write_scan_state(Disk& disk, const std::string& folder, const ScanState& state) {
  return replace_file(disk, folder, std::string(kScanFile), encode(state));
}

}  // namespace hauspost::store
