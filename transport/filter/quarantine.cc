#include "transport/filter/quarantine.h"

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/durable_file.h"
#include "base/log.h"
#include "base/text.h"
#include "transport/track/flat_json.h"

namespace hauspost::transport {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "hauspost quarantine 1\n";
constexpr std::string_view kSuffix = ".mail";
constexpr std::size_t kEntryBytesMax = 8 << 20;  // an envelope of many recipients

// The line of JSON behind the magic; the message follows it.
std::string entry_line(const QuarantineEntry& entry) {
  std::string out = fmt::format("{{\"time_s\":{},\"bytes\":{}", entry.time_s, entry.bytes);
  const auto put = [&](std::string_view name, std::string_view text) {
    out.append(",\"").append(name).append("\":");
    append_json_string(out, text);
  };
  put("source", entry.source);
  put("reason", entry.reason);
  put("subject", entry.subject);
  put("envelope", base64_encode(to_annotation(entry.envelope)));
  return out + "}\n";
}

std::optional<QuarantineEntry> parse_entry(std::string_view line) {
  QuarantineEntry entry;
  std::string annotation;
  const bool sound = parse_flat_json(line, [&](std::string_view name, FlatJson value) {
    const std::string text = value.texts.empty() ? std::string() : value.texts.front();
    if (name == "time_s") entry.time_s = static_cast<std::int64_t>(value.number);
    if (name == "bytes") entry.bytes = value.number;
    if (name == "source") entry.source = text;
    if (name == "reason") entry.reason = text;
    if (name == "subject") entry.subject = text;
    if (name == "envelope") annotation = base64_decode(text).value_or(std::string());
    return true;
  });
  auto envelope = envelope_from_annotation(annotation);
  if (!sound || !envelope) return std::nullopt;
  entry.envelope = std::move(*envelope);
  return entry;
}

std::string path_of(const std::string& folder, const std::string& id) {
  return folder + "/" + id + std::string(kSuffix);
}

std::unexpected<Error> not_there(const std::string& id) {
  return fail(ErrorCode::kNotFound, fmt::format("no message {} in quarantine; see: hauspost "
                                                "quarantine list",
                                                escape_for_log(id)));
}

Result<QuarantinedMessage> read_file(const std::string& folder, const std::string& id, bool whole) {
  std::ifstream file(path_of(folder, id), std::ios::binary);
  if (!file) return not_there(id);
  std::string magic(kMagic.size(), '\0');
  std::string line;
  file.read(magic.data(), static_cast<std::streamsize>(magic.size()));
  std::getline(file, line);
  auto entry = magic == kMagic && line.size() <= kEntryBytesMax ? parse_entry(line) : std::nullopt;
  if (!entry) return fail(ErrorCode::kCorrupt, path_of(folder, id) + " is damaged");
  entry->id = id;
  QuarantinedMessage out{std::move(*entry), {}};
  if (!whole) return out;
  out.message.assign(std::istreambuf_iterator<char>(file), {});
  if (out.message.size() != out.entry.bytes)
    return fail(ErrorCode::kCorrupt, path_of(folder, id) + " is cut short");
  return out;
}

Result<std::string> write_file(const std::string& folder, const QuarantineEntry& entry,
                               std::string_view message) {
  std::error_code failed;
  const bool fresh = fs::create_directories(folder, failed);
  fs::permissions(folder, fs::perms::owner_all, failed);
  if (fresh) {
    const fs::path parent = fs::path(folder).parent_path();
    TRY(sync_folder(parent.string()));
    // Which may be new, too; whether we may open the one above it is not ours to say.
    [[maybe_unused]] const auto above = sync_folder(parent.parent_path().string());
  }
  TRY(replace_file(path_of(folder, entry.id), {kMagic, entry_line(entry), message}));
  return entry.id;
}

Result<std::vector<QuarantineEntry>> list_files(const std::string& folder) {
  std::vector<QuarantineEntry> entries;
  std::error_code failed;
  for (fs::directory_iterator file(folder, failed), end; !failed && file != end;
       file.increment(failed)) {
    const std::string name = file->path().filename().string();
    if (!name.ends_with(kSuffix)) continue;
    auto read = read_file(folder, name.substr(0, name.size() - kSuffix.size()), false);
    if (!read) {
      log::warning("quarantine.unreadable", {{"file", name}, {"cause", read.error()}});
      continue;
    }
    entries.push_back(std::move(read->entry));
  }
  std::ranges::sort(entries, {}, [](const QuarantineEntry& entry) {
    return std::pair(entry.time_s, std::string_view(entry.id));
  });
  return entries;
}

// Names of files come from administrators.
bool is_id(const std::string& id) {
  const auto guid = Guid::parse(id);
  return guid && guid->to_string() == id;
}

}  // namespace

template <class Value>
Task<Result<Value>> Quarantine::beside(std::function<Result<Value>()> work) {
  struct Job {
    std::function<Result<Value>()> work;
    Result<Value> result;
  };
  const auto job = std::make_shared<Job>(
      std::move(work), fail(ErrorCode::kInternal, "quarantine: nothing was done"));
  CO_TRY(co_await side_.perform([job](const std::atomic<bool>&) { job->result = job->work(); }));
  co_return std::move(job->result);
}

Task<Result<std::string>> Quarantine::keep(QuarantineEntry entry, std::string message) {
  const Envelope& envelope = entry.envelope;
  entry.id = (envelope.network.is_nil() ? envelope.delivery : envelope.network).to_string();
  entry.bytes = message.size();
  co_return co_await beside<std::string>(
      [folder = folder_, entry = std::move(entry), message = std::move(message)] {
        return write_file(folder, entry, message);
      });
}

Task<Result<std::vector<QuarantineEntry>>> Quarantine::list() {
  co_return co_await beside<std::vector<QuarantineEntry>>(
      [folder = folder_] { return list_files(folder); });
}

Task<Result<QuarantinedMessage>> Quarantine::read(std::string id) {
  if (!is_id(id)) co_return not_there(id);
  co_return co_await beside<QuarantinedMessage>(
      [folder = folder_, id = std::move(id)] { return read_file(folder, id, true); });
}

Task<Result<>> Quarantine::remove(std::string id) {
  if (!is_id(id)) co_return not_there(id);
  auto removed = co_await beside<bool>([folder = folder_, id = std::move(id)]() -> Result<bool> {
    if (::unlink(path_of(folder, id).c_str()) != 0) {
      if (errno == ENOENT) return not_there(id);
      return fail(errno_error(path_of(folder, id)));
    }
    TRY(sync_folder(folder));
    return true;
  });
  if (!removed) co_return fail(std::move(removed).error());
  co_return Result<>{};
}

}  // namespace hauspost::transport
