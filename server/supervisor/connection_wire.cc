#include "server/supervisor/connection_wire.h"

#include <algorithm>

#include "server/supervisor/admin.pb.h"

namespace hauspost::supervisor {

namespace {

Result<std::vector<directory::ConnectionSetting>> parse_all(
    const admin::ConnectionSettings& wanted) {
  std::vector<directory::ConnectionSetting> out;
  for (const std::string& text : wanted.settings()) {
    TRY_ASSIGN(auto one, directory::parse_connection_setting(text));
    if (std::ranges::find(out, one) == out.end()) out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

Result<> set_connections(directory::DirectoryWriter& writer, std::string_view protocol,
                         const admin::ConnectionSettings* external,
                         const admin::ConnectionSettings* internal, bool dry_run) {
  const auto ask = directory::asking(writer.reader());
  std::vector<directory::ConnectionSetting> outside;
  std::vector<directory::ConnectionSetting> inside;
  // Both are looked at before either is written.
  if (external != nullptr) {
    TRY_ASSIGN(outside, parse_all(*external));
    TRY(directory::check_connection_settings(ask, protocol, outside));
  }
  if (internal != nullptr) {
    TRY_ASSIGN(inside, parse_all(*internal));
    TRY(directory::check_connection_settings(ask, protocol, inside));
  }
  if (dry_run) return {};
  if (external != nullptr) {
    TRY(directory::set_connection_settings(writer, protocol, directory::Side::kExternal, outside));
  }
  if (internal == nullptr) return {};
  return directory::set_connection_settings(writer, protocol, directory::Side::kInternal, inside);
}

std::vector<std::string> connection_texts(const directory::DirectoryReader& reader,
                                          std::string_view protocol, directory::Side side) {
  std::vector<std::string> out;
  for (const auto& one : directory::connection_settings(directory::asking(reader), protocol, side))
    out.push_back(directory::to_string(one));
  return out;
}

}  // namespace hauspost::supervisor
