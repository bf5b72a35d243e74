(** Rule *split*: a region is the union of two, along an input coordinate or by the sign of a value.

    Coverage is the form of the tree: both subtrees are there. The theorem follows one input x (and the values gv that
    the nodes of the graph take there): at every branch it lies on one of the two sides, so it ends in a leaf whose cuts
    and signs hold of it. Spec: rules.md#split. *)
From Coq Require Import ZArith Reals QArith Qreals List Bool String Lia Lra.
From Certify Require Import vectors syntax semantics result graph.
Import ListNotations.
Open Scope bool_scope.
Open Scope Z_scope.

(** x_i <= below, or x_i >= above. *)
Record cut := { cut_entry : nat; cut_below : option Q; cut_above : option Q }.

(** Entry [sg_entry] of a node, or of its difference to another, is <= 0 ([sg_low]) or >= 0. *)
Record sign := { sg_node : nat; sg_other : option nat; sg_entry : nat; sg_low : bool }.

Definition ratio_q (num den : Z) : Q := Qmake num (Z.to_pos den).

(** AT 2^-S *)
Definition dyadic_q (at_ scale : Z) : Q :=
  if 0 <=? scale then ratio_q at_ (2 ^ scale) else inject_Z (at_ * 2 ^ (- scale)).

Definition lt_q (a b : Q) : bool := negb (Qle_bool b a).

(** The cut lies strictly between earlier ones of its coordinate. *)
Definition between_cuts (i : nat) (m : Q) (cuts : list cut) : bool :=
  forallb (fun c => negb (Nat.eqb (cut_entry c) i) ||
    match cut_below c, cut_above c with
    | Some b, _ => lt_q m b
    | None, Some a => lt_q a m
    | None, None => true
    end) cuts.

Section Walk.

Variable gr : graph.
Variable n_in : nat.
Variable coordinate : nat -> Q * Q.                    (* of the part's bounding box *)
Variable leaf : list cut -> list sign -> nat -> nat -> result (option Q).

(** A node that depends on x alone: bounds of a free node are those of its source over all x', which no sign may restrict. *)
Definition sign_node (l : option (list nat)) (i : nat) : result nat :=
  at_ <- get "no-such-node" (match l with Some l => nth_error l i | None => None end);;
  let r := nth at_ (gr_roles gr) no_roles in
  _ <- need "sign-role" (on_first r && negb (on_second r) && negb (on_free r));;
  Ok at_.

Definition sizes_ok (a : nat) (b : option nat) (i : nat) : bool :=
  (i <? size_at (gr_nodes gr) a)%nat
  && match b with None => true | Some b => Nat.eqb (size_at (gr_nodes gr) a) (size_at (gr_nodes gr) b) end.

(** The larger bound of two subtrees, and their leaves; None: nothing is in it. *)
Definition larger (a b : option Q) : option Q :=
  match a, b with
  | None, x | x, None => x
  | Some x, Some y => Some (if Qle_bool x y then y else x)
  end.

Definition both (a b : result (option Q * Z)) : result (option Q * Z) :=
  x <- a;; y <- b;; Ok (larger (fst x) (fst y), snd x + snd y).

Definition locals (n : net_name) : option (list nat) := match n with NetF => Some (gr_f gr) | NetG => gr_g gr end.

Fixpoint walk (t : tree) (cuts : list cut) (signs : list sign) : result (option Q * Z) :=
  let by_sign a b i below above :=
    let on low := {| sg_node := a; sg_other := b; sg_entry := i; sg_low := low |} in
    both (walk below cuts (signs ++ [on true])) (walk above cuts (signs ++ [on false])) in
  match t with
  | Leaf p s => r <- leaf cuts signs p s;; Ok (r, 1)
  | Split i at_ scale below above =>
      let m := dyadic_q at_ scale in
      let '(low, high) := coordinate i in
      _ <- need "split-outside" ((i <? n_in)%nat && Qle_bool low m && Qle_bool m high && between_cuts i m cuts);;
      both (walk below (cuts ++ [{| cut_entry := i; cut_below := Some m; cut_above := None |}]) signs)
           (walk above (cuts ++ [{| cut_entry := i; cut_below := None; cut_above := Some m |}]) signs)
  | Sign n node i below above =>
      a <- sign_node (locals n) node;;
      _ <- need "index-range" (sizes_ok a None i);;
      by_sign a None i below above
  | SignPair nf ng i below above =>
      a <- sign_node (locals NetF) nf;;
      b <- sign_node (locals NetG) ng;;
      _ <- need "index-range" (sizes_ok a (Some b) i);;
      by_sign a (Some b) i below above
  end.

(** ** What a leaf says of an input and of the values there *)

Variable x : list R.
Variable gv : list (list R).

Definition cut_holds (c : cut) : Prop :=
  match cut_below c with None => True | Some b => (nth (cut_entry c) x 0 <= Q2R b)%R end /\
  match cut_above c with None => True | Some a => (Q2R a <= nth (cut_entry c) x 0)%R end.

Definition sign_value (s : sign) : R :=
  (nth (sg_entry s) (nth (sg_node s) gv []) 0
   - match sg_other s with None => 0 | Some b => nth (sg_entry s) (nth b gv []) 0 end)%R.

Definition sign_holds (s : sign) : Prop := if sg_low s then (sign_value s <= 0)%R else (0 <= sign_value s)%R.

Definition depends_on_x (i : nat) : Prop :=
  let r := nth i (gr_roles gr) no_roles in on_first r = true /\ on_second r = false /\ on_free r = false.

(** Signs that [walk] hands to leaves are of nodes that depend on x alone, entries within their sizes. *)
Definition sign_ok (s : sign) : Prop :=
  depends_on_x (sg_node s) /\ sizes_ok (sg_node s) (sg_other s) (sg_entry s) = true
  /\ match sg_other s with None => True | Some b => depends_on_x b end.

Lemma sign_node_ok l i a : sign_node l i = Ok a -> depends_on_x a.
Proof.
  unfold sign_node. intros H. ok H. injection H as <-. unfold depends_on_x.
  destruct (on_first _), (on_second _), (on_free _); simpl in *; try discriminate; auto.
Qed.

Lemma both_ok a b r : both a b = Ok r -> exists ra rb, a = Ok ra /\ b = Ok rb.
Proof. unfold both. intros H. ok H. eauto. Qed.

Theorem split_correct (Goal_ : Prop) :
  (forall cuts signs p s r, leaf cuts signs p s = Ok r ->
     Forall cut_holds cuts -> Forall sign_holds signs -> Forall sign_ok signs ->
     Forall (fun c => (cut_entry c < n_in)%nat) cuts -> Goal_) ->
  forall t r, walk t [] [] = Ok r -> Goal_.
Proof.
  intros Hleaf t r. 
  assert (W : forall t cuts signs r, walk t cuts signs = Ok r ->
     Forall cut_holds cuts -> Forall sign_holds signs -> Forall sign_ok signs ->
     Forall (fun c => (cut_entry c < n_in)%nat) cuts -> Goal_).
  2: { intros H; apply (W _ _ _ _ H); constructor. }
  clear t r. induction t as [p s | i at_ scale below IHb above IHa | n node i below IHb above IHa
                            | nf ng i below IHb above IHa]; intros cuts signs r H C S K I; simpl in H.
  - ok H. eapply Hleaf; eauto.
  - destruct (coordinate i) as [low high]. ok H. apply both_ok in H. destruct H as (ra & rb & Hb & Ha).
    assert (i < n_in)%nat by (rewrite !andb_true_iff in E; apply Nat.ltb_lt; tauto).
    destruct (Rle_or_lt (nth i x 0%R) (Q2R (dyadic_q at_ scale))).
    + eapply IHb; [exact Hb | | assumption | assumption |].
      * apply Forall_app; split; [assumption|]. constructor; [|constructor]. split; simpl; trivial.
      * apply Forall_app; split; [assumption|]. constructor; [assumption | constructor].
    + eapply IHa; [exact Ha | | assumption | assumption |].
      * apply Forall_app; split; [assumption|]. constructor; [|constructor]. split; simpl; [trivial | lra].
      * apply Forall_app; split; [assumption|]. constructor; [assumption | constructor].
  - ok H. apply both_ok in H. destruct H as (ra & rb & Hb & Ha). apply sign_node_ok in E.
    set (sg low := {| sg_node := a; sg_other := None; sg_entry := i; sg_low := low |}) in *.
    destruct (Rle_or_lt (sign_value (sg true)) 0).
    + eapply IHb; [exact Hb | assumption | | | assumption]; apply Forall_app; split; try assumption;
        (constructor; [|constructor]); [exact H | repeat split; assumption || apply E].
    + eapply IHa; [exact Ha | assumption | | | assumption]; apply Forall_app; split; try assumption;
        (constructor; [|constructor]); [unfold sign_holds; simpl; apply Rlt_le, H | repeat split; assumption || apply E].
  - ok H. apply both_ok in H. destruct H as (ra & rb & Hb & Ha). apply sign_node_ok in E. apply sign_node_ok in E0.
    set (sg low := {| sg_node := a; sg_other := Some a0; sg_entry := i; sg_low := low |}) in *.
    destruct (Rle_or_lt (sign_value (sg true)) 0).
    + eapply IHb; [exact Hb | assumption | | | assumption]; apply Forall_app; split; try assumption;
        (constructor; [|constructor]); [exact H | repeat split; assumption || apply E || apply E0].
    + eapply IHa; [exact Ha | assumption | | | assumption]; apply Forall_app; split; try assumption;
        (constructor; [|constructor]); [unfold sign_holds; simpl; apply Rlt_le, H | repeat split;
          assumption || apply E || apply E0].
Qed.

End Walk.
