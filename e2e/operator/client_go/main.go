// What operators written with client-go do all day, against the API that headpond-operator serves: typed clients with
// protobuf bodies, a leader election, an event recorder and an informer. $KUBECONFIG names the server.
//
// Prints one line per expectation and exits with 1 when one doesn't hold.
package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
)

const (
	namespace = "default"
	limit     = 30 * time.Second
)

var (
	failures int
	clusters = schema.GroupVersionResource{Group: "headpond.dev", Version: "v1alpha1", Resource: "cacheclusters"}
)

func check(what string, holds bool, detail any) {
	if holds {
		fmt.Println("ok    client-go:", what)
		return
	}
	failures++
	fmt.Println("WRONG client-go:", what)
	fmt.Println("     ", detail)
}

func succeeds(what string, err error) { check(what, err == nil, err) }

// until waits for a condition, no longer than limit.
func until(holds func() bool) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return holds()
}

func secrets(ctx context.Context, client kubernetes.Interface) {
	api := client.CoreV1().Secrets(namespace)
	made, err := api.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "typed-", Labels: map[string]string{"by": "client-go"}},
		Data:       map[string][]byte{"bytes": {0, 255}},
		StringData: map[string]string{"text": "plain"},
	}, metav1.CreateOptions{})
	succeeds("a typed create", err)
	if err != nil {
		return
	}
	check("bytes and texts arrive", string(made.Data["text"]) == "plain" && len(made.Data["bytes"]) == 2, made.Data)
	made.Data["text"] = []byte("other")
	updated, err := api.Update(ctx, made, metav1.UpdateOptions{})
	succeeds("a typed update", err)
	_, err = api.Update(ctx, made, metav1.UpdateOptions{})
	check("a stale update is a conflict", apierrors.IsConflict(err), err)
	list, err := api.List(ctx, metav1.ListOptions{LabelSelector: "by=client-go"})
	check("a typed list", err == nil && len(list.Items) == 1, err)
	wrong := types.UID("other")
	err = api.Delete(ctx, made.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &wrong}})
	check("a delete with another's uid is a conflict", apierrors.IsConflict(err), err)
	err = api.Delete(ctx, made.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &updated.UID}})
	succeeds("a typed delete with its uid", err)
	_, err = api.Get(ctx, made.Name, metav1.GetOptions{})
	check("it is gone", apierrors.IsNotFound(err), err)
}

// candidate takes part in the election until its context ends, then gives the lease back.
func candidate(ctx context.Context, client kubernetes.Interface, name string, leads *atomic.Bool) chan struct{} {
	done := make(chan struct{})
	lock := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Name: "elected", Namespace: namespace},
		Client:     client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: name},
	}
	go func() {
		defer close(done)
		leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock: lock, LeaseDuration: 4 * time.Second, RenewDeadline: 3 * time.Second, RetryPeriod: 500 * time.Millisecond,
			ReleaseOnCancel: true,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { leads.Store(true) },
				OnStoppedLeading: func() { leads.Store(false) },
			},
		})
	}()
	return done
}

func election(ctx context.Context, client kubernetes.Interface) {
	firstContext, resign := context.WithCancel(ctx)
	secondContext, end := context.WithCancel(ctx)
	defer end()
	var first, second atomic.Bool
	resigned := candidate(firstContext, client, "first", &first)
	check("the first candidate leads", until(first.Load), "it never did")
	ended := candidate(secondContext, client, "second", &second)
	time.Sleep(2 * time.Second)
	check("the second waits", first.Load() && !second.Load(), "two leaders, or none")
	resign()
	<-resigned
	check("the second leads once the first resigned", until(second.Load), "it never did")
	lease, err := client.CoordinationV1().Leases(namespace).Get(ctx, "elected", metav1.GetOptions{})
	succeeds("the lease is there", err)
	if err == nil {
		check("it names the holder", *lease.Spec.HolderIdentity == "second", lease.Spec)
		check("its times have microseconds", lease.Spec.RenewTime.Nanosecond()%int(time.Millisecond) != 0, lease.Spec.RenewTime)
		check("it counts the changes", *lease.Spec.LeaseTransitions > 0, lease.Spec)
	}
	end()
	<-ended
}

func events(ctx context.Context, client kubernetes.Interface, about *unstructured.Unstructured) {
	broadcaster := record.NewBroadcaster()
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events(namespace)})
	recorder := broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "client-go"})
	for range 3 {
		recorder.Event(about, corev1.EventTypeNormal, "Looked", "at it")
	}
	// Events outlive what they are about, so those of an earlier run are there too.
	selector := fmt.Sprintf("reason=Looked,involvedObject.uid=%s", about.GetUID())
	var last []corev1.Event
	check("repeated events are one event with a count", until(func() bool {
		list, err := client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: selector})
		if err != nil {
			return false
		}
		last = list.Items
		return len(last) == 1 && last[0].Count == 3
	}), last)
}

func informer(ctx context.Context, client dynamic.Interface, watchList bool) *unstructured.Unstructured {
	name := fmt.Sprintf("informed-%v", watchList)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(client, 0, namespace, nil)
	shared := factory.ForResource(clusters).Informer()
	var added, changed, deleted atomic.Int32
	count := func(object any, counter *atomic.Int32) {
		if one, ok := object.(*unstructured.Unstructured); ok && one.GetName() == name {
			counter.Add(1)
		}
	}
	_, err := shared.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { count(object, &added) },
		UpdateFunc: func(_, object any) { count(object, &changed) },
		DeleteFunc: func(object any) { count(object, &deleted) },
	})
	succeeds("an informer starts", err)
	factory.Start(ctx.Done())
	check("it syncs", until(shared.HasSynced), "it never did")

	api := client.Resource(clusters).Namespace(namespace)
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "headpond.dev/v1alpha1", "kind": "CacheCluster",
		"metadata": map[string]any{"name": name}, "spec": map[string]any{"paused": true},
	}}
	made, err := api.Create(ctx, object, metav1.CreateOptions{})
	succeeds("a custom resource is created", err)
	check("the informer sees it", until(func() bool { return added.Load() == 1 }), added.Load())
	_, err = api.Patch(ctx, name, types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`), metav1.PatchOptions{})
	succeeds("it is patched", err)
	check("the informer sees the change", until(func() bool { return changed.Load() > 0 }), changed.Load())
	succeeds("it is deleted", api.Delete(ctx, name, metav1.DeleteOptions{}))
	check("the informer sees the end", until(func() bool { return deleted.Load() == 1 }), deleted.Load())
	return made
}

func run() error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	typed := rest.CopyConfig(config)
	typed.ContentType = "application/vnd.kubernetes.protobuf"
	typed.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	client, err := kubernetes.NewForConfig(typed)
	if err != nil {
		return err
	}
	untyped, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx := context.Background()
	secrets(ctx, client)
	election(ctx, client)
	made := informer(ctx, untyped, os.Getenv("KUBE_FEATURE_WatchListClient") == "true")
	if made != nil {
		events(ctx, client, made)
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Println("WRONG client-go:", err)
		os.Exit(1)
	}
	if failures > 0 {
		os.Exit(1)
	}
}
