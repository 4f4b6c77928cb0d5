#include "tests/crash/trace.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>

namespace hauspost::crash {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kSector = 512;
constexpr std::uint32_t kRoot = 0;

bool carries_data(EventKind kind) {
  return kind != EventKind::kAllocate && kind != EventKind::kTruncate &&
         kind != EventKind::kSyncBegin && kind != EventKind::kSyncEnd;
}

// One file's bytes: what is surely on the disk, and what was written since.
struct FileState {
  std::string durable;
  std::vector<const Event*> pending;
  std::map<std::uint64_t, std::size_t> syncs;  // under way: number -> pending events it covers
};

void apply(std::string& bytes, const Event& event) {
  switch (event.header.kind) {
    case EventKind::kWrite:
      if (bytes.size() < event.header.offset + event.data.size())
        bytes.resize(event.header.offset + event.data.size(), '\0');
      std::memcpy(bytes.data() + event.header.offset, event.data.data(), event.data.size());
      break;
    case EventKind::kTruncate: bytes.resize(event.header.offset, '\0'); break;
    case EventKind::kAllocate:
      if (bytes.size() < event.header.offset + event.header.length)
        bytes.resize(event.header.offset + event.header.length, '\0');
      break;
    default: break;
  }
}

// A folder's entries: changes in order, a prefix of which is surely on the disk.
struct EntryChange {
  std::string name;
  std::optional<std::uint32_t> file;  // none: the entry goes
  std::optional<std::string> from;    // of a rename: the entry that goes in the same step
};
struct FolderState {
  std::vector<EntryChange> changes;
  std::size_t durable = 0;
  std::map<std::uint64_t, std::size_t> syncs;
};

struct Disk {
  std::map<std::uint32_t, FileState> files;
  std::map<std::uint32_t, FolderState> folders{{kRoot, {}}};
  std::map<std::string, std::uint32_t> names{{"", kRoot}};  // as the process saw them last
  std::set<std::uint32_t> lying;                            // files whose syncs do nothing
};

std::pair<std::string, std::string> split_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

void create(Disk& disk, const Event& event, Obey obey) {
  const std::string path(event.data);
  const auto [folder, name] = split_path(path);
  const std::uint32_t file = event.header.file;
  disk.names[path] = file;
  disk.folders[disk.names.at(folder)].changes.push_back({name, file, std::nullopt});
  if (event.header.kind == EventKind::kMakeFolder)
    disk.folders[file];
  else
    disk.files[file];
  const bool log = path.starts_with("log/");
  const bool index = path.find("index.mdb") != std::string::npos;
  if ((obey == Obey::kNoneOfLog && log) || (obey == Obey::kNoneOfIndex && index))
    disk.lying.insert(file);
}

void rename_entry(Disk& disk, const Event& event) {
  const std::size_t nul = event.data.find('\0');
  const std::string from(event.data.substr(0, nul));
  const std::string to(event.data.substr(nul + 1));
  const auto [from_folder, from_name] = split_path(from);
  const auto [to_folder, to_name] = split_path(to);
  const std::uint32_t file = disk.names.at(from);
  disk.names.erase(from);
  disk.names[to] = file;
  if (from_folder == to_folder) {
    disk.folders[disk.names.at(to_folder)].changes.push_back({to_name, file, from_name});
  } else {
    disk.folders[disk.names.at(to_folder)].changes.push_back({to_name, file, std::nullopt});
    disk.folders[disk.names.at(from_folder)].changes.push_back(
        {from_name, std::nullopt, std::nullopt});
  }
}

void begin_sync(Disk& disk, std::uint32_t file, std::uint64_t number) {
  if (const auto folder = disk.folders.find(file); folder != disk.folders.end())
    folder->second.syncs[number] = folder->second.changes.size();
  else
    disk.files[file].syncs[number] = disk.files[file].pending.size();
}

// Syncs of one file may overlap: what the first to end made durable shortens the others' share.
void make_durable(FileState& file, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) apply(file.durable, *file.pending[i]);
  file.pending.erase(file.pending.begin(),
                     file.pending.begin() + static_cast<std::ptrdiff_t>(count));
  for (auto& [number, covered] : file.syncs) covered -= std::min(covered, count);
}

void end_sync(Disk& disk, std::uint32_t file, std::uint64_t number) {
  if (const auto folder = disk.folders.find(file); folder != disk.folders.end()) {
    folder->second.durable = std::max(folder->second.durable, folder->second.syncs[number]);
    folder->second.syncs.erase(number);
    return;
  }
  FileState& state = disk.files[file];
  const std::size_t covered = state.syncs[number];
  state.syncs.erase(number);
  if (!disk.lying.contains(file)) make_durable(state, covered);
}

void take(Disk& disk, const Event& event, Obey obey) {
  switch (event.header.kind) {
    case EventKind::kCreate:
    case EventKind::kMakeFolder: create(disk, event, obey); break;
    case EventKind::kRename: rename_entry(disk, event); break;
    case EventKind::kRemove: {
      const std::string path(event.data);
      const auto [folder, name] = split_path(path);
      disk.names.erase(path);
      disk.folders[disk.names.at(folder)].changes.push_back({name, std::nullopt, std::nullopt});
      break;
    }
    case EventKind::kWrite:
    case EventKind::kTruncate:
    case EventKind::kAllocate: disk.files[event.header.file].pending.push_back(&event); break;
    case EventKind::kSyncBegin: begin_sync(disk, event.header.file, event.header.offset); break;
    case EventKind::kSyncEnd: end_sync(disk, event.header.file, event.header.offset); break;
    case EventKind::kMark: break;
  }
}

// How kindly the loss treats one file: a mix, so that rare combinations are met as well.
enum class Mood : std::uint8_t { kNothing, kAll, kAnyPage, kAnySector, kFewLost };

// How often each unit is touched by the pending events.
std::map<std::size_t, std::size_t> count_touches(const FileState& file, std::size_t unit) {
  std::map<std::size_t, std::size_t> touches;
  for (const Event* event : file.pending) {
    if (event->header.kind != EventKind::kWrite) continue;
    const std::size_t last = (event->header.offset + event->data.size() - 1) / unit;
    for (std::size_t at = event->header.offset / unit; at <= last; ++at) ++touches[at];
  }
  return touches;
}

std::size_t choose_version(Mood mood, std::size_t versions, std::mt19937_64& random) {
  if (mood == Mood::kFewLost && random() % 8 != 0) return versions;
  return random() % (versions + 1);
}

std::string lose_some(const FileState& file, Mood mood, std::mt19937_64& random) {
  const std::size_t unit = mood == Mood::kAnySector ? kSector : kPage;
  std::map<std::size_t, std::size_t> wanted;  // unit -> which of its versions reached the disk
  for (const auto& [at, versions] : count_touches(file, unit))
    wanted[at] = choose_version(mood, versions, random);

  std::string latest = file.durable;
  std::vector<std::size_t> sizes{latest.size()};
  std::map<std::size_t, std::string> units;
  std::map<std::size_t, std::size_t> seen;
  for (const Event* event : file.pending) {
    apply(latest, *event);
    sizes.push_back(latest.size());
    if (event->header.kind != EventKind::kWrite) continue;
    const std::size_t last = (event->header.offset + event->data.size() - 1) / unit;
    for (std::size_t at = event->header.offset / unit; at <= last; ++at) {
      if (++seen[at] == wanted[at]) units[at] = latest.substr(at * unit, unit);
    }
  }
  std::string image = file.durable;
  image.resize(mood == Mood::kFewLost ? sizes.back() : sizes[random() % sizes.size()], '\0');
  for (const auto& [at, bytes] : units) {
    if (at * unit >= image.size()) continue;
    std::memcpy(image.data() + at * unit, bytes.data(),
                std::min(bytes.size(), image.size() - at * unit));
  }
  return image;
}

std::string file_image(const FileState& file, bool everything, std::mt19937_64& random) {
  const auto mood = everything ? Mood::kAll : static_cast<Mood>(random() % 5);
  if (mood == Mood::kNothing) return file.durable;
  if (mood != Mood::kAll) return lose_some(file, mood, random);
  std::string all = file.durable;
  for (const Event* event : file.pending) apply(all, *event);
  return all;
}

std::map<std::string, std::uint32_t> entries(const FolderState& folder, bool everything,
                                             std::mt19937_64& random) {
  const std::size_t open = folder.changes.size() - folder.durable;
  const std::size_t count =
      everything ? folder.changes.size() : folder.durable + (open > 0 ? random() % (open + 1) : 0);
  std::map<std::string, std::uint32_t> names;
  for (std::size_t i = 0; i < count; ++i) {
    const EntryChange& change = folder.changes[i];
    if (change.from) names.erase(*change.from);
    if (change.file)
      names[change.name] = *change.file;
    else
      names.erase(change.name);
  }
  return names;
}

void write_folder(const Disk& disk, std::uint32_t folder, bool everything, std::mt19937_64& random,
                  const fs::path& into) {
  fs::create_directories(into);
  for (const auto& [name, file] : entries(disk.folders.at(folder), everything, random)) {
    if (disk.folders.contains(file)) {
      write_folder(disk, file, everything, random, into / name);
      continue;
    }
    const std::string bytes = file_image(disk.files.at(file), everything, random);
    std::ofstream out(into / name, std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
}

}  // namespace

Result<Trace> Trace::load(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(ErrorCode::kNotFound, path + ": no trace was recorded");
  Trace trace;
  trace.bytes_ = std::make_unique<std::string>(std::istreambuf_iterator<char>(in),
                                               std::istreambuf_iterator<char>());
  std::string_view rest = *trace.bytes_;
  while (!rest.empty()) {
    Event event;
    if (rest.size() < sizeof event.header) return fail(ErrorCode::kCorrupt, path + ": cut short");
    std::memcpy(&event.header, rest.data(), sizeof event.header);
    rest.remove_prefix(sizeof event.header);
    const std::size_t size = carries_data(event.header.kind) ? event.header.length : 0;
    if (rest.size() < size) return fail(ErrorCode::kCorrupt, path + ": cut short");
    event.data = rest.substr(0, size);
    rest.remove_prefix(size);
    if ((event.header.flags & kFlagSynchronous) != 0)
      return fail(ErrorCode::kInvalid, path + ": synchronous writes are not modelled");
    trace.events_.push_back(event);
  }
  return trace;
}

Result<> write_image(const Trace& trace, LossOptions options, std::mt19937_64& random,
                     const std::string& into) {
  Disk disk;
  const std::size_t end = std::min(options.point, trace.events().size());
  for (std::size_t i = 0; i < end; ++i) take(disk, trace.events()[i], options.obey);
  try {
    write_folder(disk, kRoot, options.everything, random, into);
  } catch (const fs::filesystem_error& error) {
    return fail(ErrorCode::kInternal, error.what());
  }
  return {};
}

}  // namespace hauspost::crash
