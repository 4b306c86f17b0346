//! All built-in controllers in one list.

use std::sync::Arc;

use orchestrator_core::controller::Controller;

use crate::ControllerDeps;
use crate::admissionpolicystatus::AdmissionPolicyStatusController;
use crate::bootstrap::{BootstrapSigner, TokenCleaner};
use crate::certificates::{CertificateApprover, CertificateCleaner, CertificateSigner};
use crate::clusterroleaggregation::ClusterRoleAggregationController;
use crate::cronjob::CronJobController;
use crate::daemonset::DaemonSetController;
use crate::deployment::DeploymentController;
use crate::disruption::DisruptionController;
use crate::endpoints::EndpointsController;
use crate::endpointslice::EndpointSliceController;
use crate::garbage::GarbageCollector;
use crate::horizontalpodautoscaler::HorizontalPodAutoscalerController;
use crate::job::JobController;
use crate::mirroring::MirroringController;
use crate::namespace::NamespaceController;
use crate::nodeipam::NodeIpamController;
use crate::nodelifecycle::NodeLifecycleController;
use crate::podgc::PodGarbageCollector;
use crate::replicaset::{ReplicaSetController, ReplicationControllerController};
use crate::resourceclaim::ResourceClaimController;
use crate::resourcequota::ResourceQuotaController;
use crate::rootca::RootCaController;
use crate::serviceaccount::ServiceAccountController;
use crate::serviceaccounttoken::ServiceAccountTokenController;
use crate::servicecidr::ServiceCidrController;
use crate::statefulset::StatefulSetController;
use crate::tainteviction::TaintEvictionController;
use crate::ttl::TtlController;
use crate::volume::{
    AttachDetachController, ClaimProtection, EphemeralVolumeController, ExpansionController,
    VolumeBinder, VolumeProtection,
};

/// All built-in controllers whose resources the API serves.
///
/// # Panics
/// Outside of a tokio runtime: making a controller starts the informers that it reads.
pub fn builtin(deps: &ControllerDeps) -> Vec<Arc<dyn Controller>> {
    MAKERS.iter().filter(|maker| maker.is_served(deps)).map(|maker| (maker.make)(deps)).collect()
}

/// How to make a controller, and what it cannot do without.
struct Maker {
    /// Group, version and plural of what it reads and writes.
    needs: &'static [(&'static str, &'static str, &'static str)],
    make: fn(&ControllerDeps) -> Arc<dyn Controller>,
}

impl Maker {
    /// An informer of a resource that is not served would never be ready, and neither would be
    /// the controllers.
    fn is_served(&self, deps: &ControllerDeps) -> bool {
        self.needs.iter().all(|(group, version, resource)| {
            deps.resources
                .serves(&orchestrator_core::GroupVersionResource::new(*group, *version, *resource))
        })
    }
}

const NAMESPACES: (&str, &str, &str) = ("", "v1", "namespaces");
const PODS: (&str, &str, &str) = ("", "v1", "pods");
const SERVICES: (&str, &str, &str) = ("", "v1", "services");
const NODES: (&str, &str, &str) = ("", "v1", "nodes");
const ENDPOINTS: (&str, &str, &str) = ("", "v1", "endpoints");
const SLICES: (&str, &str, &str) = ("discovery.k8s.io", "v1", "endpointslices");
const REPLICASETS: (&str, &str, &str) = ("apps", "v1", "replicasets");

const REVISIONS: (&str, &str, &str) = ("apps", "v1", "controllerrevisions");
const DEPLOYMENTS: (&str, &str, &str) = ("apps", "v1", "deployments");
const STATEFULSETS: (&str, &str, &str) = ("apps", "v1", "statefulsets");
const BUDGETS: (&str, &str, &str) = ("policy", "v1", "poddisruptionbudgets");
const JOBS: (&str, &str, &str) = ("batch", "v1", "jobs");
const SECRETS: (&str, &str, &str) = ("", "v1", "secrets");
const CLAIMS: (&str, &str, &str) = ("", "v1", "persistentvolumeclaims");
const VOLUMES: (&str, &str, &str) = ("", "v1", "persistentvolumes");
const CONFIG_MAPS: (&str, &str, &str) = ("", "v1", "configmaps");
const CERTIFICATES: (&str, &str, &str) =
    ("certificates.k8s.io", "v1", "certificatesigningrequests");

/// The controllers in the order in which they start.
const MAKERS: &[Maker] = &[
    Maker { needs: &[NAMESPACES], make: |deps| Arc::new(NamespaceController::new(deps)) },
    Maker { needs: &[], make: |deps| Arc::new(GarbageCollector::new(deps)) },
    Maker {
        needs: &[NAMESPACES, ("", "v1", "serviceaccounts")],
        make: |deps| Arc::new(ServiceAccountController::new(deps)),
    },
    Maker {
        needs: &[SECRETS, ("", "v1", "serviceaccounts")],
        make: |deps| Arc::new(ServiceAccountTokenController::new(deps)),
    },
    Maker { needs: &[NAMESPACES, CONFIG_MAPS], make: |deps| Arc::new(RootCaController::new(deps)) },
    Maker { needs: &[PODS, REPLICASETS], make: |deps| Arc::new(ReplicaSetController::new(deps)) },
    Maker {
        needs: &[PODS, ("", "v1", "replicationcontrollers")],
        make: |deps| Arc::new(ReplicationControllerController::new(deps)),
    },
    Maker {
        needs: &[PODS, REPLICASETS, DEPLOYMENTS],
        make: |deps| Arc::new(DeploymentController::new(deps)),
    },
    Maker {
        needs: &[PODS, SERVICES, ENDPOINTS],
        make: |deps| Arc::new(EndpointsController::new(deps)),
    },
    Maker {
        needs: &[PODS, SERVICES, NODES, SLICES],
        make: |deps| Arc::new(EndpointSliceController::new(deps)),
    },
    Maker {
        needs: &[SERVICES, ENDPOINTS, SLICES],
        make: |deps| Arc::new(MirroringController::new(deps)),
    },
    Maker {
        needs: &[
            ("networking.k8s.io", "v1", "servicecidrs"),
            ("networking.k8s.io", "v1", "ipaddresses"),
        ],
        make: |deps| Arc::new(ServiceCidrController::new(deps)),
    },
    Maker { needs: &[NODES], make: |deps| Arc::new(NodeIpamController::new(deps)) },
    Maker {
        needs: &[NODES, PODS, ("coordination.k8s.io", "v1", "leases")],
        make: |deps| Arc::new(NodeLifecycleController::new(deps)),
    },
    Maker { needs: &[NODES, PODS], make: |deps| Arc::new(TaintEvictionController::new(deps)) },
    Maker { needs: &[NODES, PODS], make: |deps| Arc::new(PodGarbageCollector::new(deps)) },
    Maker { needs: &[PODS, JOBS], make: |deps| Arc::new(JobController::new(deps)) },
    Maker { needs: &[JOBS], make: |deps| Arc::new(TtlController::new(deps)) },
    Maker {
        needs: &[JOBS, ("batch", "v1", "cronjobs")],
        make: |deps| Arc::new(CronJobController::new(deps)),
    },
    Maker {
        needs: &[PODS, NODES, REVISIONS, ("apps", "v1", "daemonsets")],
        make: |deps| Arc::new(DaemonSetController::new(deps)),
    },
    Maker {
        needs: &[PODS, REVISIONS, STATEFULSETS, CLAIMS],
        make: |deps| Arc::new(StatefulSetController::new(deps)),
    },
    Maker {
        needs: &[PODS, REPLICASETS, DEPLOYMENTS, STATEFULSETS, BUDGETS],
        make: |deps| Arc::new(DisruptionController::new(deps)),
    },
    Maker {
        needs: &[PODS, ("autoscaling", "v2", "horizontalpodautoscalers")],
        make: |deps| Arc::new(HorizontalPodAutoscalerController::new(deps)),
    },
    Maker {
        needs: &[("", "v1", "resourcequotas")],
        make: |deps| Arc::new(ResourceQuotaController::new(deps)),
    },
    Maker {
        needs: &[("rbac.authorization.k8s.io", "v1", "clusterroles")],
        make: |deps| Arc::new(ClusterRoleAggregationController::new(deps)),
    },
    Maker { needs: &[CERTIFICATES], make: |deps| Arc::new(CertificateApprover::new(deps)) },
    Maker { needs: &[CERTIFICATES], make: |deps| Arc::new(CertificateSigner::new(deps)) },
    Maker { needs: &[CERTIFICATES], make: |deps| Arc::new(CertificateCleaner::new(deps)) },
    Maker { needs: &[SECRETS, CONFIG_MAPS], make: |deps| Arc::new(BootstrapSigner::new(deps)) },
    Maker { needs: &[SECRETS], make: |deps| Arc::new(TokenCleaner::new(deps)) },
    Maker {
        needs: &[CLAIMS, VOLUMES, ("storage.k8s.io", "v1", "storageclasses")],
        make: |deps| Arc::new(VolumeBinder::new(deps)),
    },
    Maker { needs: &[CLAIMS, PODS], make: |deps| Arc::new(ClaimProtection::new(deps)) },
    Maker { needs: &[VOLUMES], make: |deps| Arc::new(VolumeProtection::new(deps)) },
    Maker { needs: &[CLAIMS, VOLUMES], make: |deps| Arc::new(ExpansionController::new(deps)) },
    Maker { needs: &[CLAIMS, PODS], make: |deps| Arc::new(EphemeralVolumeController::new(deps)) },
    Maker {
        needs: &[("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies")],
        make: |deps| Arc::new(AdmissionPolicyStatusController::new(deps)),
    },
    Maker {
        needs: &[
            PODS,
            ("resource.k8s.io", "v1", "resourceclaims"),
            ("resource.k8s.io", "v1", "resourceclaimtemplates"),
        ],
        make: |deps| Arc::new(ResourceClaimController::new(deps)),
    },
    Maker {
        needs: &[
            PODS,
            NODES,
            CLAIMS,
            VOLUMES,
            ("storage.k8s.io", "v1", "csidrivers"),
            ("storage.k8s.io", "v1", "volumeattachments"),
        ],
        make: |deps| Arc::new(AttachDetachController::new(deps)),
    },
];
