#pragma once

#include <string_view>

#include "proto/block_master.pb.h"
#include "proto/file_system_master.pb.h"
#include "proto/journal_master.pb.h"
#include "proto/meta_master.pb.h"
#include "proto/metric_master.pb.h"

namespace headpond::client {

// The services of a master that the client calls. The number is alluxio.grpc.version.ServiceType;
// the client name is what 2.9's error texts call it.
struct MasterService {
  const char* prefix;
  int type;
  int64_t version;  // compat/behaviour.md section 3
  const char* client_name;
};

inline constexpr MasterService kFileSystemService{
    "/alluxio.grpc.file.FileSystemMasterClientService/", 1, 2, "FileSystemMasterClient"};
inline constexpr MasterService kBlockService{"/alluxio.grpc.block.BlockMasterClientService/", 4, 2,
                                             "BlockMasterClient"};
inline constexpr MasterService kConfigService{"/alluxio.grpc.meta.MetaMasterConfigurationService/",
                                              6, 2, "MetaMaster"};
inline constexpr MasterService kMetaService{"/alluxio.grpc.meta.MetaMasterClientService/", 7, 2,
                                            "MetaMaster"};
inline constexpr MasterService kJournalService{"/alluxio.grpc.journal.JournalMasterClientService/",
                                               13, 1, "JournalMaster"};
inline constexpr MasterService kMetricsService{"/alluxio.grpc.metric.MetricsMasterClientService/",
                                               9, 2, "MetricsMasterClient"};

// One unary method with the types of its messages, so that a call site can't mix them up.
template <typename RequestMessage, typename ResponseMessage>
struct Method {
  using Request = RequestMessage;
  using Response = ResponseMessage;
  const MasterService& service;
  const char* name;
};

namespace methods {

namespace file = alluxio::grpc::file;
namespace block = alluxio::grpc::block;
namespace journal = alluxio::grpc::journal;
namespace meta = alluxio::grpc::meta;
namespace metric = alluxio::grpc::metric;

#define HEADPOND_FILE_METHOD(Name, Message)                                            \
  inline constexpr Method<file::Message##PRequest, file::Message##PResponse> k##Name { \
    kFileSystemService, #Name                                                          \
  }
HEADPOND_FILE_METHOD(CheckAccess, CheckAccess);
HEADPOND_FILE_METHOD(CheckConsistency, CheckConsistency);
HEADPOND_FILE_METHOD(CompleteFile, CompleteFile);
HEADPOND_FILE_METHOD(CreateDirectory, CreateDirectory);
HEADPOND_FILE_METHOD(CreateFile, CreateFile);
HEADPOND_FILE_METHOD(Exists, Exists);
HEADPOND_FILE_METHOD(Free, Free);
HEADPOND_FILE_METHOD(GetFilePath, GetFilePath);
HEADPOND_FILE_METHOD(GetMountTable, GetMountTable);
HEADPOND_FILE_METHOD(GetNewBlockIdForFile, GetNewBlockIdForFile);
HEADPOND_FILE_METHOD(GetStatus, GetStatus);
HEADPOND_FILE_METHOD(Mount, Mount);
HEADPOND_FILE_METHOD(Remove, Delete);
HEADPOND_FILE_METHOD(Rename, Rename);
HEADPOND_FILE_METHOD(ScheduleAsyncPersistence, ScheduleAsyncPersistence);
HEADPOND_FILE_METHOD(SetAcl, SetAcl);
HEADPOND_FILE_METHOD(SetAttribute, SetAttribute);
HEADPOND_FILE_METHOD(Unmount, Unmount);
HEADPOND_FILE_METHOD(UpdateMount, UpdateMount);
#undef HEADPOND_FILE_METHOD
inline constexpr Method<file::NeedsSyncRequest, file::NeedsSyncResponse> kNeedsSync{
    kFileSystemService, "NeedsSync"};

inline constexpr Method<block::GetBlockInfoPRequest, block::GetBlockInfoPResponse> kGetBlockInfo{
    kBlockService, "GetBlockInfo"};
inline constexpr Method<block::GetBlockMasterInfoPOptions, block::GetBlockMasterInfoPResponse>
    kGetBlockMasterInfo{kBlockService, "GetBlockMasterInfo"};
inline constexpr Method<block::GetCapacityBytesPOptions, block::GetCapacityBytesPResponse>
    kGetCapacityBytes{kBlockService, "GetCapacityBytes"};
inline constexpr Method<block::GetUsedBytesPOptions, block::GetUsedBytesPResponse> kGetUsedBytes{
    kBlockService, "GetUsedBytes"};
inline constexpr Method<block::GetWorkerInfoListPOptions, block::GetWorkerInfoListPResponse>
    kGetWorkerInfoList{kBlockService, "GetWorkerInfoList"};
inline constexpr Method<block::GetWorkerReportPOptions, block::GetWorkerInfoListPResponse>
    kGetWorkerReport{kBlockService, "GetWorkerReport"};

inline constexpr Method<journal::GetQuorumInfoPRequest, journal::GetQuorumInfoPResponse>
    kGetQuorumInfo{kJournalService, "GetQuorumInfo"};
inline constexpr Method<journal::RemoveQuorumServerPRequest, journal::RemoveQuorumServerPResponse>
    kRemoveQuorumServer{kJournalService, "RemoveQuorumServer"};
inline constexpr Method<journal::TransferLeadershipPRequest, journal::TransferLeadershipPResponse>
    kTransferLeadership{kJournalService, "TransferLeadership"};
inline constexpr Method<journal::GetTransferLeaderMessagePRequest,
                        journal::GetTransferLeaderMessagePResponse>
    kGetTransferLeaderMessage{kJournalService, "GetTransferLeaderMessage"};
inline constexpr Method<journal::ResetPrioritiesPRequest, journal::ResetPrioritiesPResponse>
    kResetPriorities{kJournalService, "ResetPriorities"};

inline constexpr Method<meta::BackupPRequest, meta::BackupPStatus> kBackup{kMetaService, "Backup"};
inline constexpr Method<meta::BackupStatusPRequest, meta::BackupPStatus> kGetBackupStatus{
    kMetaService, "GetBackupStatus"};
inline constexpr Method<meta::CheckpointPOptions, meta::CheckpointPResponse> kCheckpoint{
    kMetaService, "Checkpoint"};
inline constexpr Method<meta::GetMasterInfoPOptions, meta::GetMasterInfoPResponse> kGetMasterInfo{
    kMetaService, "GetMasterInfo"};
inline constexpr Method<meta::GetConfigurationPOptions, meta::GetConfigurationPResponse>
    kGetConfiguration{kConfigService, "GetConfiguration"};
inline constexpr Method<metric::GetMetricsPOptions, metric::GetMetricsPResponse> kGetMetrics{
    kMetricsService, "GetMetrics"};

}  // namespace methods
}  // namespace headpond::client
