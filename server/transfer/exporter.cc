#include "server/transfer/exporter.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "base/durable_file.h"
#include "base/text.h"
#include "server/child/job_transfer.pb.h"
#include "server/transfer/folder_name.h"
#include "server/transfer/report_file.h"
#include "server/transfer/wire.h"
#include "store/mime/message.h"

namespace hauspost::transfer {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChunkMessages = 256;
constexpr std::uint64_t kChunkBytes = 16ULL << 20;
constexpr std::uint64_t kNoteEveryBytes = 64ULL << 20;
constexpr Duration kNoteEvery = std::chrono::seconds(5);
constexpr std::size_t kStateMax = 64 * 1024;
constexpr std::size_t kHeaderMax = 256 * 1024;

struct Chosen {
  store::Folder folder;
  std::string path;  // in the export
};

class Exporting {
 public:
  Exporting(store::Database& database, const ExportOptions& options, store::Progress& progress)
      : database_(database), options_(options), progress_(progress) {}

  Result<Tally> run() {
    TRY_ASSIGN(filter_, FolderFilter::make(options_.include, options_.exclude));
    TRY_ASSIGN(const std::vector<Chosen> folders, choose());
    TRY_ASSIGN(const bool ended, open());
    if (ended) return tally_;
    std::uint64_t total = 0;
    std::uint64_t done = 0;
    for (const Chosen& each : folders) {
      total += each.folder.bytes;
      if (each.folder.id.value < note_.folder()) done += each.folder.bytes;
    }
    progress_.begin(step_text("exporting", tally_), total);
    progress_.add(done);
    noted_ = std::chrono::steady_clock::now();
    for (const Chosen& each : folders) {
      if (each.folder.id.value < note_.folder()) continue;
      TRY(write_folder(each));
    }
    // Noted before the name is there: whoever finds the name and this note knows that it is ours.
    if (!options_.state_path.empty()) {
      TRY_ASSIGN(const std::string position, sink_->flush());
      TRY(note(position, folders.empty() ? store::FolderId() : folders.back().folder.id, UINT32_MAX,
               true));
    }
    TRY(sink_->finish());
    return tally_;
  }

 private:
  // By rising id, which renaming does not change.
  Result<std::vector<Chosen>> choose() {
    const store::Snapshot snapshot = database_.snapshot();
    const auto mailbox = snapshot.mailbox(options_.mailbox);
    std::vector<Chosen> out;
    if (!mailbox) return out;  // nothing was ever stored for it
    std::vector<store::Folder> folders = snapshot.folders(mailbox->id);
    bool name_taken = false;
    for (const store::Folder& folder : folders) {
      name_taken = name_taken || iequals(folder.path, kDeletionsFolder);
      const std::string first = folder.path.substr(0, folder.path.find(store::kHierarchySeparator));
      const auto top = std::ranges::find(folders, first, &store::Folder::path);
      store::SpecialUse use = top == folders.end() ? store::SpecialUse::kNone : top->special_use;
      if (first == "INBOX") use = store::SpecialUse::kInbox;
      const auto path = path_of(folder.path, use);
      if (path) out.push_back({folder, *path});
    }
    auto hidden = options_.exclude_dumpster ? std::nullopt : snapshot.recoverable(mailbox->id);
    if (hidden) {
      std::string name(kDeletionsFolder);
      if (name_taken) name += " (recoverable)";
      const auto path = path_of(name, store::SpecialUse::kNone);
      hidden->keywords.clear();
      dumpster_ = hidden->id;
      if (path && hidden->messages != 0) out.push_back({*hidden, *path});
    }
    std::ranges::sort(out, {}, [](const Chosen& each) { return each.folder.id; });
    // Without its root a folder may have another's path: "Old" and "Old/INBOX" below root "Old".
    std::set<std::string> taken;
    for (Chosen& each : out) {
      while (!taken.insert(each.path).second) each.path += " (2)";
    }
    return out;
  }

  std::optional<std::string> path_of(const std::string& path, store::SpecialUse use) const {
    if (!filter_.wants(path, use)) return std::nullopt;
    const auto below = below_root(path, options_.source_root);
    if (!below) return std::nullopt;
    const std::string root = folder_path(options_.target_root);
    if (root.empty()) return below->empty() ? "INBOX" : *below;
    return below->empty() ? root : join_folder(root, *below);
  }

  // Once a note is there, what is left of PATH.part is ours, to go on with or to remove.
  Result<> begin_part() const {
    const std::string part = part_of(options_.file);
    std::error_code code;
    if (fs::exists(fs::symlink_status(part, code))) {
      return fail(ErrorCode::kExists,
                  escape_for_log(part, 1000) +
                      " exists already, and an export would write there: remove it and resume the "
                      "request, or name another file");
    }
    return replace_file(options_.state_path, "");
  }

  // True: it has ended already.
  Result<bool> open() {
    std::error_code code;
    if (!options_.state_path.empty()) {
      const auto state = read_small_file(options_.state_path, kStateMax);
      if (!state && state.error().code != ErrorCode::kNotFound) return fail(state.error());
      if (state && !note_.ParseFromString(*state)) note_.Clear();
      if (!state) TRY(begin_part());
    }
    tally_ = from_wire(note_.tally());
    if (note_.ended() && fs::exists(fs::symlink_status(options_.file, code)) &&
        !fs::exists(fs::symlink_status(part_of(options_.file), code)))
      return true;
    if (note_.position().empty()) note_.Clear();
    auto sink = open_sink(options_.file, options_.format, note_.position());
    if (!sink && sink.error().code == ErrorCode::kCorrupt) {
      // What was written is gone or was changed: from the start.
      note_.Clear();
      sink = open_sink(options_.file, options_.format, "");
    }
    if (!sink) return fail(std::move(sink).error());
    sink_ = std::move(*sink);
    tally_ = from_wire(note_.tally());
    if (options_.report_path.empty()) return false;
    TRY_ASSIGN(auto report, ReportFile::open(options_.report_path, note_.report_bytes()));
    report_.emplace(std::move(report));
    return false;
  }

  Result<> write_folder(const Chosen& chosen) {
    const bool going_on = chosen.folder.id.value == note_.folder();
    if (!going_on) ++tally_.folders;
    TRY(sink_->begin_folder({.path = chosen.path, .keywords = chosen.folder.keywords}));
    std::uint32_t after = going_on ? note_.uid() : 0;
    for (;;) {
      TRY(progress_.check());
      TRY_ASSIGN(const std::vector<OutMessage> chunk, read_chunk(chosen, after));
      if (!chunk.empty()) TRY(sink_->add(chunk));
      for (const OutMessage& message : chunk) {
        ++tally_.messages;
        tally_.bytes += message.body.bytes.size();
        since_note_ += message.body.bytes.size();
      }
      progress_.describe(step_text("exporting", tally_));
      TRY(note_sometimes(chosen.folder.id, after));
      if (last_chunk_) return {};
    }
  }

  // Sets `after` to the last UID that was looked at.
  Result<std::vector<OutMessage>> read_chunk(const Chosen& chosen, std::uint32_t& after) {
    std::vector<OutMessage> chunk;
    last_chunk_ = true;
    if (after == UINT32_MAX) return chunk;
    const store::Snapshot snapshot = database_.snapshot();
    const auto folder = snapshot.folder(chosen.folder.id);  // its keywords may have become more
    if (!folder) return chunk;
    const bool dumpster = chosen.folder.id == dumpster_;
    std::uint64_t bytes = 0;
    snapshot.for_each_message(chosen.folder.id, {after + 1, UINT32_MAX},
                              [&](const store::Message& message) {
                                if (chunk.size() >= kChunkMessages || bytes >= kChunkBytes) {
                                  last_chunk_ = false;
                                  return false;
                                }
                                after = message.uid.value;
                                bytes += message.size;
                                progress_.add(message.size);
                                take(snapshot, *folder, chosen.path, message, dumpster, chunk);
                                return true;
                              });
    return chunk;
  }

  void take(const store::Snapshot& snapshot, const store::Folder& folder, const std::string& path,
            const store::Message& message, bool dumpster, std::vector<OutMessage>& chunk) {
    const std::int64_t date = message.internal_date_s;
    if ((options_.after_s != 0 && date < options_.after_s) ||
        (options_.before_s != 0 && date >= options_.before_s)) {
      ++tally_.skipped;
      return;
    }
    auto body = snapshot.body(message.body);
    if (!body) {
      ++tally_.bad;
      if (report_)
        report_->add(fmt::format("{} UID {}: {}", path, message.uid.value, body.error().text));
      return;
    }
    if (!wanted(body->bytes)) {
      ++tally_.skipped;
      return;
    }
    OutMessage out{.body = std::move(*body),
                   .uid = message.uid,
                   .flags = message.flags & store::kSystemFlags,
                   .keywords = {},
                   .date_s = date};
    for (std::size_t i = 0; !dumpster && i < folder.keywords.size(); ++i) {
      if ((message.flags >> (static_cast<std::size_t>(store::kFirstKeywordBit) + i) & 1) != 0)
        out.keywords.push_back(folder.keywords[i]);
    }
    chunk.push_back(std::move(out));
  }

  bool wanted(std::string_view body) const {
    if (options_.from.empty() && options_.subject.empty()) return true;
    const std::string_view header = body.substr(0, std::min(body.size(), kHeaderMax));
    const auto holds = [&](std::string_view name, const std::string& words) {
      if (words.empty()) return true;
      const std::string needle = mime::fold(words);
      return std::ranges::any_of(mime::header_fields(header, name), [&](const std::string& raw) {
        const std::string text =
            name == "From" ? mime::decode_address_text(raw) : mime::decode_header_text(raw);
        return mime::fold(text).find(needle) != std::string::npos;
      });
    };
    return holds("From", options_.from) && holds("Subject", options_.subject);
  }

  Result<> note_sometimes(store::FolderId folder, std::uint32_t uid) {
    const auto now = std::chrono::steady_clock::now();
    if (options_.state_path.empty() || (since_note_ < kNoteEveryBytes && now - noted_ < kNoteEvery))
      return {};
    since_note_ = 0;
    noted_ = now;
    TRY_ASSIGN(const std::string position, sink_->flush());
    return position.empty() ? Result<>{} : note(position, folder, uid, false);
  }

  Result<> note(const std::string& position, store::FolderId folder, std::uint32_t uid,
                bool ended) {
    if (report_) TRY(report_->flush());
    note_.set_folder(folder.value);
    note_.set_uid(uid);
    note_.set_position(position);
    note_.set_ended(ended);
    *note_.mutable_tally() = to_wire(tally_);
    note_.set_report_bytes(report_ ? report_->length() : 0);
    return replace_file(options_.state_path, note_.SerializeAsString());
  }

  store::Database& database_;
  const ExportOptions& options_;
  store::Progress& progress_;
  FolderFilter filter_;
  std::unique_ptr<Sink> sink_;
  std::optional<ReportFile> report_;
  child::wire::ExportNote note_;
  store::FolderId dumpster_;
  Tally tally_;
  bool last_chunk_ = false;
  std::uint64_t since_note_ = 0;
  std::chrono::steady_clock::time_point noted_;
};

}  // namespace

Result<Tally> run_export(store::Database& database, const ExportOptions& options,
                         store::Progress& progress) {
  return Exporting(database, options, progress).run();
}

}  // namespace hauspost::transfer
