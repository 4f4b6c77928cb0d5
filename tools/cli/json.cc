#include "tools/cli/json.h"

#include "tools/cli/limit_options.h"

#include "base/ids.h"
#include "tools/cli/job.h"
#include "tools/cli/limit_options.h"

namespace hauspost::cli {

std::string state_word(admin::ProcessState state) {
  switch (state) {
    case admin::PROCESS_STATE_STARTING: return "starting";
    case admin::PROCESS_STATE_RUNNING: return "running";
    case admin::PROCESS_STATE_WAITING: return "waiting";
    case admin::PROCESS_STATE_QUARANTINED: return "quarantined";
    case admin::PROCESS_STATE_STOPPING: return "stopping";
    default: return "unknown";
  }
}

std::string state_word(admin::DatabaseState state) {
  switch (state) {
    case admin::DATABASE_STATE_MOUNTING: return "mounting";
    case admin::DATABASE_STATE_MOUNTED: return "mounted";
    case admin::DATABASE_STATE_DISMOUNTED: return "dismounted";
    case admin::DATABASE_STATE_FAILED: return "failed";
    case admin::DATABASE_STATE_QUARANTINED: return "quarantined";
    default: return "unknown";
  }
}

std::string guid_text(const std::string& bytes) {
  const auto guid = Guid::from_bytes(bytes);
  return guid ? guid->to_string() : std::string();
}

Json to_json(const admin::Process& process) {
  return {{"name", process.name()},        {"state", state_word(process.state())},
          {"pid", process.pid()},          {"started_s", process.started_s()},
          {"crashes", process.crashes()},  {"last_death", process.last_death()},
          {"database", process.database()}};
}

Json to_json(const admin::Listener& listener) {
  return {{"service", listener.service()},
          {"address", listener.address()},
          {"port", listener.port()},
          {"open", listener.open()}};
}

namespace {

Json upkeep_json(const child::wire::StoreStatistics& facts) {
  Json damage = Json::array();
  for (const auto& text : facts.damage()) damage.push_back(text);
  return {{"segments", facts.segments()},
          {"compactable_bytes", facts.compactable_bytes()},
          {"index_free_bytes", facts.index_free_bytes()},
          {"index_file_bytes", facts.index_file_bytes()},
          {"image_bytes", facts.image_bytes()},
          {"image_lsn", facts.image_lsn()},
          {"image_created_s", facts.image_created_s()},
          {"scan_started_s", facts.scan_started_s()},
          {"scan_finished_s", facts.scan_finished_s()},
          {"scan_under_way", facts.scan_under_way()},
          {"scan_bytes", facts.scan_bytes()},
          {"damage", damage},
          {"search_state", facts.search_state()},
          {"search_documents", facts.search_documents()},
          {"search_bytes", facts.search_bytes()},
          {"search_behind", facts.search_behind()},
          {"search_error", facts.search_error()}};
}

}  // namespace

Json to_json(const admin::Database& database) {
  Json jobs = Json::array();
  for (const auto& job : database.jobs()) jobs.push_back(to_json(job));
  return {{"name", database.name()},
          {"guid", guid_text(database.guid())},
          {"path", database.path()},
          {"state", state_word(database.state())},
          {"epoch", database.epoch()},
          {"created_s", database.created_s()},
          {"mount_at_startup", database.mount_at_startup()},
          {"mailboxes", database.mailboxes()},
          {"statistics_known", database.statistics_known()},
          {"stored_mailboxes", database.stored_mailboxes()},
          {"messages", database.messages()},
          {"log_bytes", database.log_bytes()},
          {"live_body_bytes", database.live_body_bytes()},
          {"dead_body_bytes", database.dead_body_bytes()},
          {"index_bytes", database.index_bytes()},
          {"last_lsn", database.last_lsn()},
          {"checkpoint_lsn", database.checkpoint_lsn()},
          {"commits", database.commits()},
          {"records", database.records()},
          {"problem", database.problem()},
          {"scan_period_s", database.scan_period_s()},
          {"compact_below_percent", database.compact_below_percent()},
          {"keep_log_s", database.keep_log_s()},
          {"compacted_s", database.compacted_s()},
          {"recovery", database.recovery()},
          {"last_backup_s", database.last_backup_s()},
          {"last_backup_lsn", database.last_backup_lsn()},
          {"last_backup_full", database.last_backup_full()},
          {"last_backup_path", database.last_backup_path()},
          {"limits", to_json(database.limits())},
          {"jobs", jobs},
          {"upkeep", upkeep_json(database.statistics())}};
}

Json to_json(const admin::Service& service) {
  return {{"name", service.name()}, {"enabled", service.enabled()}};
}

Json to_json(const admin::StatusReply& status) {
  Json warnings = Json::array();
  for (const std::string& warning : status.warnings()) warnings.push_back(warning);
  return {{"version", status.version()},
          {"hostname", status.hostname()},
          {"data_root", status.data_root()},
          {"pid", status.pid()},
          {"started_s", status.started_s()},
          {"processes", to_json_list(status.processes())},
          {"listeners", to_json_list(status.listeners())},
          {"databases", to_json_list(status.databases())},
          {"services", to_json_list(status.services())},
          {"warnings", warnings}};
}

Json to_json(const admin::Domain& domain) {
  return {{"name", domain.name()},
          {"addresses", domain.addresses()},
          {"type", domain.type()},
          {"subdomains", domain.subdomains()},
          {"catch_all", domain.catch_all()},
          {"plus_addressing", domain.plus_addressing()},
          {"srs", domain.srs()}};
}

Json to_json(const admin::Mailbox& mailbox) {
  Json aliases = Json::array();
  for (const auto& alias : mailbox.aliases()) aliases.push_back(alias);
  Json imap_without = Json::array();
  for (const auto& extension : mailbox.imap_without()) imap_without.push_back(extension);
  return {{"address", mailbox.address()},
          {"guid", guid_text(mailbox.guid())},
          {"aliases", aliases},
          {"display_name", mailbox.display_name()},
          {"database", mailbox.database()},
          {"enabled", mailbox.enabled()},
          {"imap", mailbox.imap()},
          {"pop3", mailbox.pop3()},
          {"smtp", mailbox.smtp()},
          {"protocol_restricted", mailbox.protocol_restricted()},
          {"created_s", mailbox.created_s()},
          {"imap_without", imap_without},
          {"shared", mailbox.shared()},
          {"app_passwords_only", mailbox.app_passwords_only()},
          {"forward_to", mailbox.forward_to()},
          {"forward_only", mailbox.forward_only()},
          {"limits", to_json(mailbox.limits())}};
}

Json to_json(const admin::ClientSetting& setting) {
  return {{"service", setting.service()}, {"host", setting.host()},
          {"port", setting.port()},       {"encryption", setting.encryption()},
          {"user", setting.user()},       {"available", setting.available()}};
}

}  // namespace hauspost::cli
