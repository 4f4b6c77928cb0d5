// The admin API's answers as JSON: every field under its name in admin.proto, GUIDs as text, enums
// as words, times in Unix seconds (`_s`), sizes in bytes.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

#include "server/supervisor/admin_api.h"

namespace hauspost::cli {

using Json = nlohmann::ordered_json;

std::string state_word(admin::ProcessState state);
std::string state_word(admin::DatabaseState state);
std::string guid_text(const std::string& bytes);

Json to_json(const admin::Process& process);
Json to_json(const admin::Listener& listener);
Json to_json(const admin::Database& database);
Json to_json(const admin::Service& service);
Json to_json(const admin::StatusReply& status);
Json to_json(const admin::Domain& domain);
Json to_json(const admin::Mailbox& mailbox);
Json to_json(const admin::ClientSetting& setting);

template <class Repeated>
Json to_json_list(const Repeated& items) {
  Json out = Json::array();
  for (const auto& item : items) out.push_back(to_json(item));
  return out;
}

}  // namespace hauspost::cli
